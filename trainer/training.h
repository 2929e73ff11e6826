// One trial's training, from its first step or from a checkpoint to its final loss.
//
// A step: the batch's windows in one or several micro-batches, whose gradients add up; clipping by
// global norm; AdamW at the rate of core/schedule.h. Everything that the next step depends on is in
// a Checkpoint (io/checkpoint_file.h), so that a run which was killed and one which was not end
// with the same bits.
//
// Over several processes (trainer/data_parallel.h) each takes its share of every micro-batch and of
// every evaluation; curves, checkpoints and notes are rank 0's. They stop and save between steps
// only, and decide on it together with the sum of the gradients. A checkpoint does not know how
// many processes wrote it.
//
// Checkpoints are written every context.checkpoint_seconds, when the run is asked to stop, and at
// the branch step of a trunk; between micro-batches too. The curve, the verdict of divergence and
// the outcome are trial_progress.h's.
#ifndef ISOFLOP_TRAINER_TRAINING_H_
#define ISOFLOP_TRAINER_TRAINING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/trial_runner.h"
#include "data/batch_maker.h"
#include "model/transformer.h"
#include "trainer/adamw.h"
#include "trainer/data_parallel.h"
#include "trainer/ranks.h"
#include "trainer/step_runner.h"
#include "trainer/trial_progress.h"

namespace isoflop {

struct TrainingOptions {
  TransformerPath path = TransformerPath::kFastest;
  DataParallelOptions parallel = {};
};

class Training {
 public:
  // `ranks`: the processes of the trial; null: this one alone.
  Training(const Trial& trial, const TokenSource& source, RunContext& context, torch::Device device,
           Ranks* ranks = nullptr, const TrainingOptions& options = {});

  Outcome run();

 private:
  // This process' share of a micro-batch of `whole` sequences: windows first .. first + own.
  struct Part {
    std::int64_t first = 0, own = 0, whole = 0;
  };

  void go_on();
  void take_first_ranks_state(AdamW::State& arrays);
  void restore(const Checkpoint& checkpoint);
  void save();

  Verdict train();
  Verdict take_step();
  Verdict add_micro_batches();
  Part next_part(std::int64_t step) const;
  void read_ahead();
  void sum_over_ranks();
  bool is_out_of_time() const;
  bool asked_to_stop();
  void note_curve();

  RunContext& context_;
  Ranks alone_;
  Ranks& ranks_;
  TrialProgress progress_;
  Transformer model_;
  AdamW optimizer_;
  DataParallel parallel_;
  StepVote agreed_;  // at the end of the last step; alone: empty
  BatchMaker batches_;
  std::unique_ptr<StepRunner> steps_;
  TokenBatch batch_;
  std::int64_t batch_first_ = -1;  // the window that batch_ begins with, if it was read ahead
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TRAINING_H_
