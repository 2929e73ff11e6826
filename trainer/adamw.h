// AdamW (Loshchilov and Hutter 2019) over one flat buffer, through LibTorch's fused kernel.
//
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
//   w = w - r (decay w + (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)),  r = rate x rate_scale
//
// The optimizer takes the model's parameters into its own memory: weights, gradients and both
// moments are four float32 arrays in which every parameter has its place, and the model's tensors
// and their gradients become views. So a step is a few calls whatever the number of tensors,
// gradients add up over micro-batches by themselves, and a checkpoint is three arrays. Construct it
// after the model is on its device, and do not move the model afterwards. Not thread-safe.
//
// Where several processes share the moments (trainer/sharded_adamw.h), each makes it with its
// shard: then it has moments for that stretch only, and steps only there.
#ifndef ISOFLOP_TRAINER_ADAMW_H_
#define ISOFLOP_TRAINER_ADAMW_H_

#include <cstdint>
#include <vector>

#include "core/trial.h"
#include "model/flat_layout.h"
#include "model/torch_headers.h"
#include "model/transformer.h"

namespace isoflop {

// The rank-th of `world` equal stretches of the arrays, which are padded at their end for that.
struct AdamWShard {
  int rank = 0;
  int world = 1;
};

class AdamW {
 public:
  AdamW(const std::vector<ParameterGroup>& groups, const TrainSpec& spec,
        const AdamWShard& shard = {});

  void zero_gradients();
  // Scales all gradients so that their global norm is at most `clip` (0: leaves them), and returns
  // the norm before.
  double clip_gradients(double clip);
  void step(double rate);
  // Both, at the clip that `spec` has, without waiting for the device, so that it can be recorded
  // (trainer/step_graph.h): `rate` is one float32 there. Where the norm is not finite weights and
  // moments stay. Returns the norm before; the gradients are scaled as clip_gradients would, to
  // rounding.
  torch::Tensor update(const torch::Tensor& rate);

  // On the host, for checkpoints. The order is that of the groups, as in model/flat_layout.h.
  // The moments are the shard's, which may reach into the arrays' own padding.
  struct State {
    std::vector<float> weights, means, squares;
  };
  State state() const;
  std::vector<float> gradients() const;
  // Throws Error(kFailed) when the sizes are not this model's.
  void restore(const State& state, std::int64_t steps_done);
  void restore_gradients(const std::vector<float>& gradients);

  std::int64_t size() const { return size_; }  // of a whole state's arrays
  const torch::Tensor& flat_weights() const { return weights_; }
  const torch::Tensor& flat_gradients() const { return gradients_; }
  const torch::Tensor& own_means() const { return means_; }
  const torch::Tensor& own_squares() const { return squares_; }
  torch::Tensor own_part(const torch::Tensor& flat) const {
    return flat.narrow(0, own_begin_, means_.numel());
  }

 private:
  struct Range {
    torch::Tensor weights, gradients, means, squares;  // slices of the flat arrays
    torch::Tensor steps;
    double decay = 0;
    double rate_scale = 1;
  };
  // Ranges with the same decay and rate, in one call.
  struct Call {
    std::vector<torch::Tensor> weights, gradients, means, squares, steps;
    double decay = 0, rate_scale = 1;
  };
  std::vector<Call> calls() const;
  void adopt(const torch::Tensor& parameter, std::int64_t offset);
  void restore_moments(const std::vector<float>& whole, const torch::Tensor& moments);
  void add_range(const FlatRange& range);

  TrainSpec spec_;
  std::int64_t size_ = 0;
  std::int64_t own_begin_ = 0;  // of the shard
  torch::Tensor weights_, gradients_, means_, squares_;
  std::vector<Range> ranges_;
};

// Throws Error(kFailed) when a checkpoint's array is not of this model's size.
void require_size(const std::vector<float>& values, std::int64_t size);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_ADAMW_H_
