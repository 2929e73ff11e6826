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
// Over several processes (trainer/data_parallel.h) each takes its share of every micro-batch and of
// every evaluation; curves, checkpoints and notes are rank 0's. They stop and save between steps
// only, and decide on it together with the sum of the gradients. A checkpoint does not know how
// many processes wrote it.
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
#include "data/token_source.h"
#include "io/checkpoint_file.h"
#include "model/transformer.h"
#include "trainer/adamw.h"
#include "trainer/checkpoint_folder.h"
#include "trainer/data_parallel.h"
#include "trainer/ranks.h"

namespace isoflop {

struct TrainingOptions {
  TransformerPath path = TransformerPath::kFastest;
  DataParallelOptions parallel = {};
};

class Training {
 public:
  Training(const Trial& trial, const TokenSource& source, RunContext& context, torch::Device device,
           Ranks& ranks, const TrainingOptions& options = {});

  Outcome run();

 private:
  enum class Verdict { kGoOn, kDiverged, kStop };

  void resume();
  std::optional<Checkpoint> find_checkpoint();
  void take_first_ranks_state();
  void restore(const Checkpoint& checkpoint);
  void save();

  Verdict train();
  Verdict take_step();
  Verdict add_micro_batches();
  void add_windows(std::int64_t first, std::int64_t count);
  void sum_over_ranks();
  bool is_out_of_time() const;
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
  Ranks& ranks_;
  AdamW optimizer_;
  DataParallel parallel_;
  StepVote agreed_;  // at the end of the last step; alone: empty
  std::vector<std::int32_t> windows_;

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
