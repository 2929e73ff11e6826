// A pre-norm transformer: a decoder, or an encoder that predicts masked tokens.
//
//   x   = embedding[tokens] (+ positions[0..T) if learned)              [B, T, d]
//   x  += attention(norm(x)),  x += feed_forward(norm(x))   per layer
//   logits = norm(x) W_head^T,  W_head = embedding if tied              [B, T, V]
//
// Attention is causal with scale 1 / sqrt(k). Rotary positions (Su et al. 2021) turn the pairs
// (i, i + k/2) of q and k by t * base^(-2 i / k); QK-norm (Henry et al. 2020) is an RMSNorm with a
// gain over each head's k values, before the rotation. RMSNorm has a gain and no bias; LayerNorm
// has both. GELU is the tanh form, f = hidden; SwiGLU is W2 (silu(W1 x) * W3 x). No biases, no
// dropout. In a sparse model experts stand for the feed-forward (model/experts.h).
//
// A masked model is the same with attention over the whole window, both ways, and its head is
// computed for tokens that are predicted alone. With next-sentence prediction (Devlin et al. 2019)
// each token's embedding has its sentence's added, and whether the second sentence follows the
// first is predicted from [CLS], the first token:
//
//   x = embedding[tokens] (+ positions) + segments[sentence]            segments [2, d]
//   logits = norm(x)[0] W_next^T, 1: it follows                         [B, 2], W_next [2, d]
//
// Width transfer (muP, Yang et al. 2022, arXiv:2203.03466, Table 8, Adam), where config.mup_base >
// 0 and m = d / mup_base. A rate tuned at width mup_base then suits every width:
//
//                                             initial std         rate    multiplier
//   embedding, positions, untied head,        1 / sqrt(mup_base)  1       logits x 1/m
//   segments, W_next
//   hidden matrices                           1 / sqrt(fan in)    1/m     1
//   gains and biases                          1 or 0              1       1
//
// Attention keeps 1 / sqrt(k): wider models have more heads, not larger ones.
//
// Initialisation, from one seeded CPU generator so that every device starts alike: see init_std in
// transformer.cc. Parameters are float32. Modules are not thread-safe.
//
// On the CPU, training and evaluation (add_gradients, token_losses) run on the kernels of kernels/,
// which give the same numbers to rounding, several times faster at small widths; elsewhere, and
// where the path is kPlain, on LibTorch's operations as written in transformer.cc, which are the
// reference. On devices norms, heads and the loss are model/cuda's operations.
#ifndef ISOFLOP_MODEL_TRANSFORMER_H_
#define ISOFLOP_MODEL_TRANSFORMER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/model_config.h"
#include "core/router_stats.h"
#include "core/token_batch.h"
#include "kernels/transformer_pass.h"
#include "model/cuda/product.h"
#include "model/cuda/turned_heads.h"
#include "model/device_batch.h"
#include "model/experts.h"
#include "model/torch_headers.h"

namespace isoflop {

// The residual stream, x + y: y is what half a block has given last, or undefined. The next norm
// adds it (model/cuda/add_norm.h).
struct ResidualStream {
  torch::Tensor x, y = {};  // [B, T, d]

  torch::Tensor sum() const { return y.defined() ? x + y : x; }
};

// Where model/cuda's operations stand for LibTorch's: by TransformerPath kPlain, kFastest (there in
// bfloat16 on the CPU too), kFused.
enum class Fusing { kNever, kOnDevices, kEverywhere };

class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(const ModelConfig& config, const torch::Tensor& rotary_cos,
            const torch::Tensor& rotary_sin, Fusing fusing);
  ResidualStream forward(const ResidualStream& stream);

 private:
  friend class TransformerImpl;
  torch::Tensor attention(const torch::Tensor& x);
  Heads plain_heads(const torch::Tensor& qkv) const;
  Heads fused_heads(const torch::Tensor& qkv) const;
  torch::Tensor feed_forward(const torch::Tensor& x);

  ModelConfig config_;
  Fusing fusing_;
  torch::Tensor rotary_cos_, rotary_sin_;  // [S, k], shared by all blocks
  torch::Tensor attention_norm_, attention_norm_bias_;
  torch::Tensor qkv_;            // [3 h k, d]
  torch::Tensor qk_gain_;        // [2, 1, 1, 1, k], with QK-norm
  torch::Tensor attention_out_;  // [d, h k]
  torch::Tensor feed_forward_norm_, feed_forward_norm_bias_;
  torch::Tensor feed_forward_in_;   // [f, d]; SwiGLU: [2 f, d]
  torch::Tensor feed_forward_out_;  // [d, f]
  Experts experts_{nullptr};        // of sparse models, instead of these two
};
TORCH_MODULE(Block);

// Parameters that an optimizer treats alike.
struct ParameterGroup {
  std::vector<torch::Tensor> weights;
  bool decays = true;     // by weight decay
  double rate_scale = 1;  // the learning rate of these weights = the schedule's rate x this
};

// Means over a batch, nats.
struct BatchLosses {
  double loss = 0;           // cross-entropy of what is predicted: the loss that curves show
  double next_sentence = 0;  // 0 without it
  RouterStats router = {};   // of sparse models
};

// Of the result of add_gradients(DeviceBatch), on the host: the loss, and where there are more
// numbers the next sentence's and the router's in their order.
BatchLosses batch_losses(std::span<const double> numbers);
std::vector<double> numbers_of(const BatchLosses& losses);  // all of them
std::int64_t loss_numbers(const ModelConfig& config);       // how many there are

// kFused: the operations that devices use, on the CPU too.
enum class TransformerPath { kFastest, kPlain, kFused };

class TransformerImpl : public torch::nn::Module {
 public:
  // Throws Error(kUsage) when the configuration cannot be built.
  TransformerImpl(const ModelConfig& config, std::uint64_t seed,
                  TransformerPath path = TransformerPath::kFastest);

  // tokens int64 [B, T], T <= context -> logits float32 [B, T, V]. `stream`, where given, is filled
  // with x after the embedding and after each block. With next-sentence prediction all tokens are
  // of the first sentence here.
  torch::Tensor forward(const torch::Tensor& tokens, std::vector<torch::Tensor>* stream = nullptr);

  // Mean cross-entropy in nats of targets int64 [B, T]; -1: not predicted.
  torch::Tensor loss(const torch::Tensor& tokens, const torch::Tensor& targets);

  // What training and evaluation call.
  //
  // Adds scale x the gradient of the whole loss to the parameters' gradients, which must be there
  // (zeros, or an earlier part of the same step). The whole loss is the mean cross-entropy over the
  // batch's predictions; of sparse models the router's losses x `router_weights` are added, of
  // models with next-sentence prediction its mean cross-entropy.
  BatchLosses add_gradients(const TokenBatch& batch, double scale);
  // The same, never by kernels/, of a batch that is where the model is, and without waiting for the
  // device: what batch_losses makes of the result on the host.
  torch::Tensor add_gradients(const DeviceBatch& batch, double scale);
  // Cross-entropy of every target, nats, [B x T]; 0 where nothing is predicted.
  std::vector<float> token_losses(const TokenBatch& batch);
  // The same, and with next-sentence prediction its cross-entropy, nats, into next_sentence [B];
  // below ln 2 where it is right.
  std::vector<float> token_losses(const TokenBatch& batch, std::vector<float>& next_sentence);

  void set_router_weights(const RouterLossWeights& weights) { router_weights_ = weights; }
  // Of the last forward pass of a sparse model: the router's losses, mean over the layers, x their
  // weights.
  torch::Tensor router_loss() const;

  // The type of products and of what they read and write, float32 or bfloat16; the residual stream,
  // parameters and their gradients stay float32, as under PyTorch's autocast. Call it once the
  // model is on its device.
  void compute_in(torch::ScalarType type) { products_ = type; }
  // Passes that train wait for the device, so that no CUDA graph can be made of them.
  bool waits_for_device() const {
    return config_.sparse() && config_.capacity_factor == 0 &&
           !can_group_experts(config_, products_);
  }

  // All parameters, each once: embeddings and heads, hidden matrices, then gains and biases.
  std::vector<ParameterGroup> groups() const;

  const ModelConfig& config() const { return config_; }

 private:
  struct Losses {
    torch::Tensor tokens;         // of every target [B x T], or of the predicted ones [P]
    torch::Tensor next_sentence;  // [B], or not defined
  };
  void initialise(std::uint64_t seed);
  void initialise_routers(std::uint64_t seed);
  torch::Tensor take_router_stats();
  double relative_width() const;  // m
  bool runs_on_kernels() const;
  // The parameters as the kernels see them. `pointer` gives a tensor's Float*, null where there is
  // no tensor; `blocks` holds what the result points to.
  template <class Float, class Pointer>
  TransformerTensors<Float> point(const Pointer& pointer,
                                  std::vector<BlockTensors<Float>>& blocks) const;
  TransformerTensors<const float> weights();
  TransformerTensors<float> gradients();
  DeviceBatch on_device(const TokenBatch& batch) const;
  // norm(x) [B, T, d], over m.
  torch::Tensor last_hidden(const torch::Tensor& tokens, const torch::Tensor& segments,
                            std::vector<torch::Tensor>* stream);
  torch::Tensor logits(const torch::Tensor& hidden) const;
  // Of rows [.., d] and their targets [..].
  torch::Tensor cross_entropy(const torch::Tensor& hidden, const torch::Tensor& targets,
                              std::int64_t reduction) const;
  LowCopies* fresh_copies();  // null: float32
  // `reduction` as LibTorch's: each token's, or the mean over all that are predicted.
  Losses losses(const DeviceBatch& batch, std::int64_t reduction);

  ModelConfig config_;
  Fusing fusing_;
  torch::ScalarType products_ = torch::kFloat32;
  std::unique_ptr<LowCopies> low_copies_;  // of bfloat16
  RouterLossWeights router_weights_;
  torch::Tensor embedding_;                 // [V, d]
  torch::Tensor positions_;                 // [S, d] if learned
  torch::Tensor segments_, next_sentence_;  // [2, d] with next-sentence prediction
  std::vector<Block> blocks_;
  torch::Tensor final_norm_, final_norm_bias_;
  torch::Tensor head_;  // [V, d] if untied

  std::unique_ptr<TransformerPass> pass_;  // null: another path
  std::vector<BlockTensors<const float>> block_weights_;
  std::vector<BlockTensors<float>> block_gradients_;
};
TORCH_MODULE(Transformer);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_TRANSFORMER_H_
