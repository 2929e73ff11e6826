// One trial's steps over several processes: each takes its share of a batch, and gradients, losses
// and decisions are made common.
//
// Alone it does nothing: every call returns what it was given.
#ifndef ISOFLOP_TRAINER_DATA_PARALLEL_H_
#define ISOFLOP_TRAINER_DATA_PARALLEL_H_

#include <optional>
#include <vector>

#include "trainer/adamw.h"
#include "trainer/gradient_sum.h"
#include "trainer/ranks.h"
#include "trainer/sharded_adamw.h"

namespace isoflop {

struct DataParallelOptions {
  bool sharded = false;  // the optimizer's moments: trainer/sharded_adamw.h
  GradientSumOptions sum = {};
};

// What a process brings to the end of a step, and what all take from it.
struct StepVote {
  std::vector<double> sums;  // added up over all, such as each one's part of the loss
  bool stop = false;         // any wants it: a signal may reach one process only
  bool save = false;         // rank 0's, which has the clock
  bool out_of_time = false;
};

class DataParallel {
 public:
  // The part of the optimizer's moments that this process keeps.
  static AdamWShard shard_of(const Ranks& ranks, const DataParallelOptions& options);

  // `optimizer` was made with that shard, of the same groups.
  DataParallel(Ranks& ranks, AdamW& optimizer, const std::vector<ParameterGroup>& groups,
               const DataParallelOptions& options);

  // Before the last backward pass of a step.
  void expect_gradients();
  // Gradients and votes of all, in one wait.
  StepVote sum(StepVote own);
  // As AdamW's, after sum().
  double clip_gradients(double clip);
  void step(double rate);

  // For a checkpoint: whole on rank 0.
  AdamW::State state();
  // Rank 0's `state`; the others' is replaced by it. Gradients stay where they are.
  void restore(AdamW::State& state, std::int64_t steps_done);

 private:
  Ranks& ranks_;
  AdamW& optimizer_;
  std::optional<GradientSum> gradients_;  // none: alone, or sharded
  std::optional<ShardedAdamW> sharded_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_DATA_PARALLEL_H_
