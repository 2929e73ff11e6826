// How far a trial has come, and what follows from it: where it goes on from, the points of its
// curve, whether it has diverged, its outcome. What trains it (training.h, stacked_training.h) has
// the arrays and tells each step's loss and norm; so both give a trial the same life.
//
// Curve: a point about every 2 % of the tokens seen (32 a doubling), at least 16 in a cooldown, and
// one at the end: its steps do not depend on D before the branch. A glance at the held-out loss at
// every power of two of steps from 256.
//
// Diverged: a loss or gradient that is not finite; or, after the warm-up, an average loss above the
// first step's for 100 steps in a row. The average is exponential over about 50 steps.
#ifndef ISOFLOP_TRAINER_TRIAL_PROGRESS_H_
#define ISOFLOP_TRAINER_TRIAL_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/schedule.h"
#include "core/stopwatch.h"
#include "core/trial_runner.h"
#include "data/token_source.h"
#include "io/checkpoint_file.h"
#include "trainer/checkpoint_folder.h"

namespace isoflop {

inline constexpr std::int64_t kWindowsOfAGlance = 32;

enum class Verdict { kGoOn, kDiverged, kStop };

class TrialProgress {
 public:
  TrialProgress(const Trial& trial, const TokenSource& source, RunContext& context);

  const Trial& trial() const { return trial_; }
  const TokenSource& source() const { return source_; }
  RunContext& context() { return context_; }
  const Schedule& schedule() const { return schedule_; }
  // Its arrays stay empty: they are the optimizer's.
  Checkpoint& state() { return state_; }
  const Checkpoint& state() const { return state_; }
  bool has_folder() const { return folder_.has_value(); }
  std::int64_t resumed_at() const { return resumed_at_; }

  // --- Checkpoints.

  // The one to go on from, where there is one.
  std::optional<Checkpoint> find_checkpoint();
  // Takes over all but the arrays.
  void go_on_from(const Checkpoint& checkpoint);
  // Begins this attempt: call it once, after go_on_from where there was a checkpoint.
  void begin() { tokens_at_start_ = tokens_done(); }
  // `arrays`: weights, means, squares and, within a step, gradients; the rest is filled in.
  void save(Checkpoint arrays);
  bool save_is_due() const { return since_save_.seconds() >= context_.checkpoint_seconds; }

  // --- Steps.

  double rate() const { return trial_.train.rate * rate_factor(schedule_, state_.step); }
  bool leaves_trunk() const { return state_.step == schedule_.branch_step; }
  bool at_end() const { return state_.step >= schedule_.steps; }
  // Before the optimizer's step. kDiverged: one of the two is not finite.
  Verdict note_loss(double loss, double norm);
  // After it.
  Verdict end_step(double seconds);
  bool is_curve_point() const;
  bool is_glance() const;
  void note_curve(const std::optional<Evaluation>& glance);
  // The cooldown begins at this step, and D is what that comes to.
  void cool_down_now();

  // --- The end. `evaluate` is asked where the trial is done.

  Outcome outcome_of(Verdict verdict, const std::function<std::vector<Evaluation>()>& evaluate);
  std::vector<std::string>& notes() { return notes_; }
  double tokens_done() const;
  double seconds() const { return state_.seconds + watch_.seconds(); }

 private:
  bool average_says_diverged();
  std::optional<double> utilisation(double flops);
  std::string diverged_reason() const;

  Trial trial_;
  const TokenSource& source_;
  RunContext& context_;
  Schedule schedule_;
  std::optional<CheckpointFolder> folder_;
  Checkpoint state_;
  std::vector<std::string> notes_;
  std::int64_t resumed_at_ = 0;
  double tokens_at_start_ = 0;  // of this attempt
  double loss_ = 0, norm_ = 0, rate_ = 0;
  double step_seconds_ = 0;  // of this attempt, without evaluations and checkpoints
  Stopwatch watch_;
  Stopwatch since_save_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TRIAL_PROGRESS_H_
