// The feed-forward of a sparse model: a router that sends each token to k of E experts, and s
// shared experts that every token passes through. It stands where a dense block has its
// feed-forward.
//
//   l = W_r x                                         router logits, in float32 at least  [E]
//   p = softmax(l)
//   K = the k largest of l, ties to the lowest index
//   g_e = p_e (Router::kSwitch), softmax over K of l_e (kTopK)
//   y = sum_{e in K} g_e F_e(x) + sum_s F_s(x)
//
// F is a feed-forward of width f_e = f / G. An expert takes at most ceil(c k T / E) of the T tokens
// of a forward pass (c: capacity factor): the first choices of all tokens in the tokens' order,
// then the second ones, and so on (GShard, Lepikhin et al. 2020, algorithm 1; Switch, Fedus et al.
// 2021, eq. 3). What is beyond is dropped: the token keeps its residual stream. Only training
// drops. In evaluation (torch's eval()) experts take all that come, because a window's loss must
// not depend on which others are evaluated with it, nor a token's second choice on tokens after it.
//
// The router's own losses, of one layer:
//
//   balance = E sum_e c_e P_e     c_e: share of all k T choices, P_e: mean of p_e (Fedus et al.
//                                 2021, eq. 4); 1 where all experts have as much. No gradient
//                                 flows through c_e.
//   z       = mean (ln sum_e exp l_e)^2    (Zoph et al. 2022, eq. 5)
//
// Three ways through the experts, with the same result to rounding:
//   with a capacity: [E, capacity, d] with empty places, two batched products; all shapes are known
//     in advance, so that a CUDA graph can hold it
//   dropless in bfloat16, d and f_e multiples of 8: LibTorch's grouped product, whose groups' ends
//     lie on the device; static shapes too
//   dropless elsewhere: tokens sorted by expert, products over slices; waits for the device
//
// Sources: Shazeer et al. 2017; Lepikhin et al. 2020 (arXiv:2006.16668); Fedus et al. 2021
// (arXiv:2101.03961); Zoph et al. 2022 (arXiv:2202.08906); shared and fine-grained experts: Dai et
// al. 2024 (arXiv:2401.06066).
#ifndef ISOFLOP_MODEL_EXPERTS_H_
#define ISOFLOP_MODEL_EXPERTS_H_

#include <cstdint>

#include "core/model_config.h"
#include "core/router_stats.h"
#include "model/torch_headers.h"

namespace isoflop {

// What a router decided about T tokens. Choice c = r T + t is the r-th of token t.
struct Routing {
  torch::Tensor expert;         // int64 [k T], by choice
  torch::Tensor gate;           // [k T], by choice
  torch::Tensor counts;         // int64 [E], before anything is dropped
  torch::Tensor order;          // int64 [k T]: choices by expert, then by choice
  torch::Tensor probabilities;  // [T, E]
};

// Of one layer and one forward pass, on its device.
struct RouterPass {
  torch::Tensor balance, z;  // with their gradients' graph
  torch::Tensor stats;       // [6], in the order of RouterStats
};

RouterStats router_stats_of(const torch::Tensor& stats);

// Dropless experts whose products are of `type`: in one grouped product; else in slices, whose
// sizes wait for the device.
bool can_group_experts(const ModelConfig& config, torch::ScalarType type);

class ExpertsImpl : public torch::nn::Module {
 public:
  // The configuration must be sparse.
  explicit ExpertsImpl(const ModelConfig& config);

  torch::Tensor forward(const torch::Tensor& x);  // [..., d] -> [..., d]

  // Of the last forward pass; reset_last lets go of its graph.
  const RouterPass& last() const { return last_; }
  void reset_last() { last_ = {}; }

  // Tokens that an expert takes at most of `tokens`; 0: all that come.
  std::int64_t capacity(std::int64_t tokens) const;

 private:
  friend class BlockImpl;
  friend class TransformerImpl;
  torch::Tensor logits(const torch::Tensor& x) const;
  Routing route(const torch::Tensor& logits) const;
  RouterPass summary(const torch::Tensor& logits, const Routing& routing,
                     std::int64_t capacity) const;
  torch::Tensor within_capacity(const torch::Tensor& x, const Routing& routing,
                                std::int64_t capacity) const;
  torch::Tensor dropless(const torch::Tensor& x, const Routing& routing) const;
  torch::Tensor by_groups(const torch::Tensor& rows, const Routing& routing) const;
  torch::Tensor by_slices(const torch::Tensor& rows, const Routing& routing) const;
  torch::Tensor activation(const torch::Tensor& inner) const;

  ModelConfig config_;
  torch::Tensor router_;            // [E, d]
  torch::Tensor feed_forward_in_;   // [E, f_e, d]; SwiGLU: [E, 2 f_e, d]
  torch::Tensor feed_forward_out_;  // [E, d, f_e]
  torch::Tensor shared_in_;         // [s f_e, d]; SwiGLU: [2 s f_e, d], gates first; where s > 0
  torch::Tensor shared_out_;        // [d, s f_e]
  RouterPass last_;
};
TORCH_MODULE(Experts);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_EXPERTS_H_
