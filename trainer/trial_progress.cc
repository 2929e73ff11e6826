#include "trainer/trial_progress.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr double kPointsADoubling = 32;
constexpr std::int64_t kPointsACooldown = 16;
constexpr std::int64_t kFirstGlance = 256;  // steps
constexpr double kAverageWeight = 0.02;     // of the newest step
constexpr std::int64_t kStepsAboveTheStart = 100;

bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

// The number of steps whose cooldown begins at `branch`: n - round(c n) grows by 0 or 1 with n, so
// that there is one.
std::int64_t steps_with_branch(Trial trial, std::int64_t branch) {
  const auto batch = static_cast<double>(trial.train.batch * trial.model.context);
  auto steps = static_cast<std::int64_t>(static_cast<double>(branch) / (1 - trial.train.cooldown));
  for (steps = std::max(branch + 1, steps - 2);; ++steps) {
    trial.train.tokens = static_cast<double>(steps) * batch;
    if (schedule_of(trial).branch_step >= branch) return steps;
  }
}

}  // namespace

TrialProgress::TrialProgress(const Trial& trial, const TokenSource& source, RunContext& context)
    : trial_(trial), source_(source), context_(context), schedule_(schedule_of(trial)) {
  state_.micro_batch = context.micro_batch;
  if (!context.checkpoint_dir.empty()) folder_.emplace(context.checkpoint_dir, trial);
}

// --- Checkpoints.

std::optional<Checkpoint> TrialProgress::find_checkpoint() {
  if (context_.resume_from.empty()) {
    if (!folder_) return std::nullopt;
    auto found = folder_->newest(context_.micro_batch, notes_);
    for (const std::string& note : notes_) context_.note_early(note);
    return found;
  }
  Checkpoint found = read_checkpoint(context_.resume_from);
  require_same(found, trial_, context_.resume_from);
  if (found.micro_batch != context_.micro_batch) {
    throw refusal("checkpoint_mismatch", "checkpoint: " + context_.resume_from +
                                             ": was made with micro-batches of " +
                                             std::to_string(found.micro_batch) +
                                             " sequences: give the same, or start without it");
  }
  return found;
}

void TrialProgress::go_on_from(const Checkpoint& checkpoint) {
  state_ = checkpoint;
  for (auto* array : {&state_.weights, &state_.means, &state_.squares, &state_.gradients}) {
    *array = {};
  }
  resumed_at_ = state_.step;
  context_.record_curve(state_.curve);
}

void TrialProgress::save(Checkpoint arrays) {
  Checkpoint checkpoint = state_;
  checkpoint.seconds = seconds();
  checkpoint.weights = std::move(arrays.weights);
  checkpoint.means = std::move(arrays.means);
  checkpoint.squares = std::move(arrays.squares);
  checkpoint.gradients = std::move(arrays.gradients);
  folder_->save(std::move(checkpoint));
  since_save_.restart();
}

// --- Steps.

Verdict TrialProgress::note_loss(double loss, double norm) {
  loss_ = loss;
  norm_ = norm;
  if (state_.step == 0) state_.first_loss = state_.average_loss = loss;
  return std::isfinite(loss) && std::isfinite(norm) ? Verdict::kGoOn : Verdict::kDiverged;
}

Verdict TrialProgress::end_step(double seconds) {
  rate_ = rate();
  ++state_.step;
  state_.loss_sum += loss_;
  ++state_.loss_count;
  add_share(state_.router_sum, std::exchange(state_.step_router, {}), 1);
  step_seconds_ += seconds;
  return average_says_diverged() ? Verdict::kDiverged : Verdict::kGoOn;
}

bool TrialProgress::average_says_diverged() {
  state_.average_loss += kAverageWeight * (loss_ - state_.average_loss);
  const bool above =
      state_.step > schedule_.warmup_steps && state_.average_loss > state_.first_loss;
  state_.steps_above = above ? state_.steps_above + 1 : 0;
  return state_.steps_above >= kStepsAboveTheStart;
}

void TrialProgress::cool_down_now() {
  const auto steps = steps_with_branch(trial_, state_.step);
  trial_.train.tokens = static_cast<double>(steps * trial_.train.batch * trial_.model.context);
  schedule_ = schedule_of(trial_);
  if (folder_) folder_.emplace(context_.checkpoint_dir, trial_);
}

// --- The curve.

bool TrialProgress::is_curve_point() const {
  if (at_end()) return true;
  const auto place = [](std::int64_t step) {
    return std::floor(kPointsADoubling * std::log2(static_cast<double>(step)));
  };
  if (state_.step == 1 || place(state_.step) != place(state_.step - 1)) return true;
  const std::int64_t cooled = state_.step - schedule_.branch_step;
  const std::int64_t stride = (schedule_.steps - schedule_.branch_step) / kPointsACooldown;
  return cooled > 0 && stride > 0 && cooled % stride == 0;
}

bool TrialProgress::is_glance() const {
  return state_.step >= kFirstGlance && is_power_of_two(state_.step);
}

void TrialProgress::note_curve(const std::optional<Evaluation>& glance) {
  const auto steps = static_cast<double>(std::exchange(state_.loss_count, 0));
  CurvePoint point{.step = state_.step,
                   .tokens = tokens_done(),
                   .flops = tokens_done() * flops_per_token(trial_, FlopConvention::kExact),
                   .train_loss = std::exchange(state_.loss_sum, 0) / steps,
                   .rate = rate_,
                   .grad_norm = norm_,
                   .seconds = seconds()};
  if (trial_.model.sparse()) {
    add_share(point.router.emplace(), std::exchange(state_.router_sum, {}), 1 / steps);
  }
  if (glance) {
    point.heldout_loss = glance->loss;
    point.heldout_error = glance->standard_error;
  }
  state_.curve.push_back(point);
  context_.record_curve({&point, 1});
}

// --- The end.

double TrialProgress::tokens_done() const {
  return static_cast<double>((state_.step * trial_.train.batch + state_.sequences) *
                             trial_.model.context);
}

std::string TrialProgress::diverged_reason() const {
  const std::string numbers = "loss " + exact_number(loss_) + " and gradient norm " +
                              exact_number(norm_) + " at step " + std::to_string(state_.step + 1) +
                              ", first loss " + exact_number(state_.first_loss);
  if (state_.steps_above < kStepsAboveTheStart) return "not finite: " + numbers;
  return "above its first loss for " + std::to_string(kStepsAboveTheStart) + " steps: " + numbers;
}

// Nothing runs faster than its peak: then the peak is wrong, and so would be the MFU.
std::optional<double> TrialProgress::utilisation(double flops) {
  if (context_.peak_flops <= 0 || step_seconds_ <= 0) return std::nullopt;
  const double mfu = flops / step_seconds_ / context_.peak_flops;
  if (mfu <= 1) return mfu;
  notes_.push_back("MFU: " + format_quantity(100 * mfu) + " % of a peak of " +
                   format_flops(context_.peak_flops) +
                   " FLOP/s cannot be, and is left out: give the device's own peak (--peak-flops)");
  return std::nullopt;
}

Outcome TrialProgress::outcome_of(Verdict verdict,
                                  const std::function<std::vector<Evaluation>()>& evaluate) {
  const Passes passes = source_.passes(state_.step * trial_.train.batch);
  Outcome outcome{.status = OutcomeStatus::kDone,
                  .reason = "",
                  .steps = state_.step,
                  .tokens = tokens_done(),
                  .unique_tokens = passes.unique_tokens,
                  .epochs = passes.epochs,
                  .resumed_at = resumed_at_};
  outcome.flops =
      (tokens_done() - tokens_at_start_) * flops_per_token(trial_, FlopConvention::kExact);
  outcome.mfu = utilisation(outcome.flops);
  if (verdict == Verdict::kDiverged) {
    outcome.status = OutcomeStatus::kDiverged;
    outcome.reason = diverged_reason();
  } else if (verdict == Verdict::kStop) {
    outcome.status = OutcomeStatus::kInterrupted;
    outcome.reason = "asked to stop";
  } else {
    outcome.evaluations = evaluate();
  }
  outcome.notes = notes_;
  outcome.seconds = watch_.seconds();
  return outcome;
}

}  // namespace isoflop
