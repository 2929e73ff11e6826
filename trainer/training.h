// One trial's training, from its first step or from a checkpoint to its final loss.
//
// A step: the batch's windows in one or several micro-batches, whose gradients add up; clipping by
// global norm; AdamW at the rate of core/schedule.h. Everything that the next step depends on is in
// a Checkpoint (io/checkpoint_file.h), so that a run which was killed and one which was not end
// with the same bits.
//
// Checkpoints are written every context.checkpoint_seconds, when the run is asked to stop, and at
// the branch step of a trunk; between micro-batches too. The curve, the verdict of divergence and
// the outcome are trial_progress.h's.
#ifndef ISOFLOP_TRAINER_TRAINING_H_
#define ISOFLOP_TRAINER_TRAINING_H_

#include <cstdint>
#include <vector>

#include "core/trial_runner.h"
#include "data/batch_maker.h"
#include "model/transformer.h"
#include "trainer/adamw.h"
#include "trainer/trial_progress.h"

namespace isoflop {

class Training {
 public:
  Training(const Trial& trial, const TokenSource& source, RunContext& context,
           torch::Device device);

  Outcome run();

 private:
  void restore(const Checkpoint& checkpoint);
  void save();

  Verdict train();
  Verdict take_step();
  Verdict add_micro_batches();
  bool asked_to_stop();
  void note_curve();

  RunContext& context_;
  TrialProgress progress_;
  Transformer model_;
  AdamW optimizer_;
  BatchMaker batches_;
  TokenBatch batch_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TRAINING_H_
