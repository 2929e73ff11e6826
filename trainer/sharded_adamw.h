// AdamW whose moments are spread over the processes of a trial: ZeRO stage 1 (Rajbhandari et al.
// 2020, arXiv:1910.02054, section 5.1).
//
//   gradients   reduce-scattered: each process gets the sum over all of its own 1 / world
//   step        AdamW on that part of the weights, by moments that only this process has
//   weights     all-gathered: each process has all of them again
//
// The parts are equal stretches of the flat arrays (trainer/adamw.h), wherever their edges lie:
// parameter groups are ranges, and are cut with them. An element's step depends on that element
// alone, so the numbers are AdamW's; only the sums of gradients and of their norm are taken in
// another order.
//
// What is saved is whole, in AdamW's own form, so that a trial goes on in another number of
// processes, sharded or not.
#ifndef ISOFLOP_TRAINER_SHARDED_ADAMW_H_
#define ISOFLOP_TRAINER_SHARDED_ADAMW_H_

#include "trainer/adamw.h"
#include "trainer/ranks.h"

namespace isoflop {

class ShardedAdamW {
 public:
  // `optimizer` was made with this process' shard.
  ShardedAdamW(AdamW& optimizer, Ranks& ranks) : optimizer_(optimizer), ranks_(ranks) {}

  // All of these are calls of all processes together.
  void sum_gradients();
  // As AdamW's: the norm is of all gradients.
  double clip_gradients(double clip);
  // After AdamW::step.
  void gather_weights();
  // Whole on every process.
  AdamW::State state();

 private:
  std::vector<float> gathered(const torch::Tensor& shard);

  AdamW& optimizer_;
  Ranks& ranks_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_SHARDED_ADAMW_H_
