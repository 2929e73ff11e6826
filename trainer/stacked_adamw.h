// AdamW for a stack of K trials, each with its own rate, weight decay and clipping: row by row the
// arithmetic of trainer/adamw.h.
//
//   norm[k]    = || g[k] ||,  g[k] *= clip[k] / (norm[k] + 1e-6) where norm[k] > clip[k] > 0
//   w[k], m[k], v[k]  by AdamW at rate[k] x the range's rate_scale
//
// All arrays are [K, size] on the stack's device. Nothing waits for the device: rates are numbers
// there, written by set_rates before the step, so that prepare and step can be captured in a CUDA
// graph and replayed with other rates. Trials whose rate and weight decay are equal go through one
// call of LibTorch's fused kernel, which takes a list of tensors but one rate: seeds of one cell
// cost as many calls as one trial, a bracket of three rates three times as many. That reads
// gradients and reads and writes weights and moments once; as elementwise operators over [K, size]
// the same takes four passes more.
#ifndef ISOFLOP_TRAINER_STACKED_ADAMW_H_
#define ISOFLOP_TRAINER_STACKED_ADAMW_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/trial.h"
#include "model/flat_layout.h"
#include "model/torch_headers.h"
#include "trainer/adamw.h"

namespace isoflop {

class StackedAdamW {
 public:
  // `weights` and `gradients` [K, size] are the stack's own, `specs` its trials'. What they share
  // (betas, epsilon) is the first's.
  StackedAdamW(const torch::Tensor& weights, const torch::Tensor& gradients,
               const FlatLayout& layout, std::span<const TrainSpec> specs);

  void zero_gradients() { gradients_.zero_(); }
  // For the next step, of each trial; from the host.
  void set_rates(std::span<const double> rates);
  // Returns every trial's gradient norm before clipping, [K].
  torch::Tensor clip_gradients();
  void step();

  // Row k on the host, as AdamW::state.
  AdamW::State state(std::int64_t k) const;
  // Throws Error(kFailed) when the sizes are not this model's. All trials are at the same step.
  void restore(std::int64_t k, const AdamW::State& state);
  void set_steps_done(std::int64_t steps) { steps_.fill_(static_cast<double>(steps)); }

 private:
  // Trials of one rate and decay, in one range of the arrays.
  struct Call {
    std::vector<torch::Tensor> weights, gradients, means, squares, steps;
    torch::Tensor rate;
    double decay = 0;
  };
  struct Group {
    double rate = 0, decay = 0;
    std::vector<std::int64_t> trials;
  };
  void add_calls(const Group& group, const FlatLayout& layout);

  TrainSpec spec_;
  torch::Tensor weights_, gradients_, means_, squares_;
  torch::Tensor clips_;       // [K]; infinite: gradients are left alone
  torch::Tensor steps_;       // of all trials
  torch::Tensor rates_;       // one a call
  torch::Tensor host_rates_;  // pinned where there is a device
  std::vector<Call> calls_;
  std::vector<std::int64_t> rate_trial_;  // of each call: whose rate it takes
  std::vector<double> rate_scale_;        // of each call
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_STACKED_ADAMW_H_
