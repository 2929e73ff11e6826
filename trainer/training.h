// One trial's training, from its first step or from a checkpoint to its final loss.
//
// A step: the batch's windows in one or several micro-batches, whose gradients add up; clipping by
// global norm; AdamW at the rate of core/schedule.h. Everything that the next step depends on is in
// a Checkpoint (io/checkpoint_file.h), so that a run which was killed and one which was not end
// with the same bits.
//
// Checkpoints are written every context.checkpoint_seconds, when the run is asked to stop, and at
// the branch step of a trunk; between micro-batches too. The curve has a point about every 2 % of
// the tokens seen (32 a doubling), at least 16 in a cooldown, and one at the end: its steps do not
// depend on D before the branch. The held-out loss is glanced at (32 windows) at every power of two
// of steps from 256.
//
// Diverged: a loss or gradient that is not finite; or, after the warm-up, an average loss above the
// first step's for 100 steps in a row. The average is exponential over about 50 steps.
#ifndef ISOFLOP_TRAINER_TRAINING_H_
#define ISOFLOP_TRAINER_TRAINING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/schedule.h"
#include "core/stopwatch.h"
#include "core/trial_runner.h"
#include "data/batch_maker.h"
#include "io/checkpoint_file.h"
#include "model/transformer.h"
#include "trainer/adamw.h"
#include "trainer/checkpoint_folder.h"

namespace isoflop {

class Training {
 public:
  Training(const Trial& trial, const TokenSource& source, RunContext& context,
           torch::Device device);

  Outcome run();

 private:
  enum class Verdict { kGoOn, kDiverged, kStop };

  void resume();
  void restore(const Checkpoint& checkpoint);
  void save();

  Verdict train();
  Verdict take_step();
  Verdict add_micro_batches();
  bool asked_to_stop();
  void cool_down_now();
  bool average_says_diverged();
  void note_curve();
  bool is_curve_point() const;

  Outcome outcome_of(Verdict verdict);
  std::optional<double> utilisation(double flops);
  std::string diverged_reason() const;
  double tokens_done() const;
  double seconds() const { return state_.seconds + watch_.seconds(); }

  Trial trial_;
  const TokenSource& source_;
  RunContext& context_;
  Schedule schedule_;
  std::optional<CheckpointFolder> folder_;
  Transformer model_;
  AdamW optimizer_;
  BatchMaker batches_;
  TokenBatch batch_;

  Checkpoint state_;  // its arrays stay empty: they are the optimizer's
  std::vector<std::string> notes_;
  std::int64_t resumed_at_ = 0;
  double tokens_at_start_ = 0;  // of this attempt
  double loss_ = 0, norm_ = 0, rate_ = 0;
  double step_seconds_ = 0;  // of this attempt, without evaluations and checkpoints
  Stopwatch watch_;
  Stopwatch since_save_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TRAINING_H_
