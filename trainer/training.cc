#include "trainer/training.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "trainer/evaluation.h"

namespace isoflop {
namespace {

constexpr double kPointsADoubling = 32;
constexpr std::int64_t kPointsACooldown = 16;
constexpr std::int64_t kFirstGlance = 256;  // steps
constexpr std::int64_t kWindowsOfAGlance = 32;
constexpr double kAverageWeight = 0.02;  // of the newest step
constexpr std::int64_t kStepsAboveTheStart = 100;

bool is_power_of_two(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

Transformer on_device(const Trial& trial, torch::Device device, TransformerPath path) {
  Transformer model(trial.model, static_cast<std::uint64_t>(trial.seed), path);
  model->to(device);
  return model;
}

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

Training::Training(const Trial& trial, const TokenSource& source, RunContext& context,
                   torch::Device device, Ranks& ranks, const TrainingOptions& options)
    : trial_(trial),
      source_(source),
      context_(context),
      schedule_(schedule_of(trial)),
      model_(on_device(trial, device, options.path)),
      ranks_(ranks),
      optimizer_(model_->groups(), trial.train, DataParallel::shard_of(ranks, options.parallel)),
      parallel_(ranks, optimizer_, model_->groups(), options.parallel) {
  state_.micro_batch = context.micro_batch;
  if (!context.checkpoint_dir.empty()) folder_.emplace(context.checkpoint_dir, trial);
}

Outcome Training::run() {
  resume();
  return outcome_of(train());
}

// --- Checkpoints.

void Training::resume() {
  const std::string found = ranks_.from_first([&] {
    const std::optional<Checkpoint> checkpoint = find_checkpoint();
    if (checkpoint) restore(*checkpoint);
    return std::string(checkpoint ? "yes" : "");
  });
  if (!found.empty() && !ranks_.is_alone()) take_first_ranks_state();
  tokens_at_start_ = tokens_done();
}

std::optional<Checkpoint> Training::find_checkpoint() {
  if (context_.resume_from.empty()) {
    return folder_ ? folder_->newest(context_.micro_batch, notes_) : std::nullopt;
  }
  const Checkpoint found = read_checkpoint(context_.resume_from);
  require_same(found, trial_, context_.resume_from);
  if (found.micro_batch == context_.micro_batch) return found;
  throw refusal("checkpoint_mismatch", "checkpoint: " + context_.resume_from +
                                           ": was made with micro-batches of " +
                                           std::to_string(found.micro_batch) +
                                           " sequences: give the same, or start without it");
}

// Gradients and loss of a half-done step stay rank 0's part of it.
void Training::take_first_ranks_state() {
  const auto counts =
      ranks_.sum(ranks_.is_first()
                     ? std::vector<double>{static_cast<double>(state_.step),
                                           static_cast<double>(state_.sequences),
                                           static_cast<double>(state_.steps_above),
                                           static_cast<double>(state_.loss_count),
                                           state_.first_loss, state_.average_loss, state_.loss_sum}
                     : std::vector<double>(7));
  AdamW::State arrays = ranks_.is_first() ? optimizer_.state() : AdamW::State();
  state_.step = resumed_at_ = static_cast<std::int64_t>(counts[0]);
  state_.sequences = static_cast<std::int64_t>(counts[1]);
  state_.steps_above = static_cast<std::int64_t>(counts[2]);
  state_.loss_count = static_cast<std::int64_t>(counts[3]);
  state_.first_loss = counts[4];
  state_.average_loss = counts[5];
  state_.loss_sum = counts[6];
  parallel_.restore(arrays, state_.step);
}

void Training::restore(const Checkpoint& checkpoint) {
  optimizer_.restore({checkpoint.weights, checkpoint.means, checkpoint.squares}, checkpoint.step);
  if (checkpoint.sequences > 0) optimizer_.restore_gradients(checkpoint.gradients);
  state_ = checkpoint;
  for (auto* array : {&state_.weights, &state_.means, &state_.squares, &state_.gradients}) {
    *array = {};
  }
  resumed_at_ = state_.step;
  context_.record_curve(state_.curve);
}

void Training::save() {
  Checkpoint checkpoint = state_;
  checkpoint.seconds = seconds();
  AdamW::State arrays = parallel_.state();
  checkpoint.weights = std::move(arrays.weights);
  checkpoint.means = std::move(arrays.means);
  checkpoint.squares = std::move(arrays.squares);
  if (state_.sequences > 0) checkpoint.gradients = optimizer_.gradients();
  ranks_.from_first([&] { return folder_->save(std::move(checkpoint)); });
  since_save_.restart();
}

// --- Steps.

Training::Verdict Training::train() {
  while (state_.step < schedule_.steps) {
    if (is_out_of_time() && state_.sequences == 0 && state_.step > schedule_.warmup_steps &&
        state_.step < schedule_.branch_step) {
      cool_down_now();
    }
    const bool leaves_trunk = state_.step == schedule_.branch_step && state_.sequences == 0;
    if (leaves_trunk && folder_ && resumed_at_ != state_.step) save();
    const Verdict verdict = take_step();
    if (verdict != Verdict::kGoOn) return verdict;
  }
  return Verdict::kGoOn;
}

bool Training::is_out_of_time() const {
  if (!ranks_.is_alone()) return agreed_.out_of_time;
  return context_.trunk_seconds > 0 && seconds() >= context_.trunk_seconds;
}

void Training::cool_down_now() {
  const auto steps = steps_with_branch(trial_, state_.step);
  trial_.train.tokens = static_cast<double>(steps * trial_.train.batch * trial_.model.context);
  schedule_ = schedule_of(trial_);
  if (folder_) folder_.emplace(context_.checkpoint_dir, trial_);
}

Training::Verdict Training::take_step() {
  const Stopwatch watch;
  if (state_.sequences == 0) optimizer_.zero_gradients();
  if (add_micro_batches() == Verdict::kStop) return Verdict::kStop;
  if (!ranks_.is_alone()) sum_over_ranks();
  loss_ = std::exchange(state_.step_loss, 0);
  state_.sequences = 0;
  norm_ = parallel_.clip_gradients(trial_.train.clip);
  if (state_.step == 0) state_.first_loss = state_.average_loss = loss_;
  if (!std::isfinite(loss_) || !std::isfinite(norm_)) return Verdict::kDiverged;
  rate_ = trial_.train.rate * rate_factor(schedule_, state_.step);
  parallel_.step(rate_);
  ++state_.step;
  state_.loss_sum += loss_;
  ++state_.loss_count;
  step_seconds_ += watch.seconds();
  if (average_says_diverged()) return Verdict::kDiverged;
  if (is_curve_point()) note_curve();
  const bool last = state_.step == schedule_.steps;
  return asked_to_stop() && !last ? Verdict::kStop : Verdict::kGoOn;
}

// Adds the gradients of this process' share of what is left of the step's batch.
Training::Verdict Training::add_micro_batches() {
  const std::int64_t batch = trial_.train.batch;
  const std::int64_t most = context_.micro_batch > 0 ? context_.micro_batch : batch;
  while (state_.sequences < batch) {
    const std::int64_t count = std::min(most, batch - state_.sequences);
    if (state_.sequences + count == batch) parallel_.expect_gradients();
    const std::int64_t begin = first_of_share(count, ranks_.rank(), ranks_.world());
    const std::int64_t own = first_of_share(count, ranks_.rank() + 1, ranks_.world()) - begin;
    if (own > 0) add_windows(state_.step * batch + state_.sequences + begin, own);
    state_.sequences += count;
    if (ranks_.is_alone() && state_.sequences < batch && asked_to_stop()) return Verdict::kStop;
  }
  return Verdict::kGoOn;
}

void Training::add_windows(std::int64_t first, std::int64_t count) {
  windows_.resize(static_cast<std::size_t>(count * (trial_.model.context + 1)));
  source_.train_batch(first, windows_);
  const double share = static_cast<double>(count) / static_cast<double>(trial_.train.batch);
  const BatchLosses losses =
      model_->add_gradients(next_token_batch(windows_, trial_.model.context), share);
  state_.step_loss += share * losses.loss;
}

void Training::sum_over_ranks() {
  const bool clock = ranks_.is_first();
  agreed_ = parallel_.sum(
      {.sums = {state_.step_loss},
       .stop = context_.should_stop(tokens_done()),
       .save = clock && since_save_.seconds() >= context_.checkpoint_seconds,
       .out_of_time = clock && context_.trunk_seconds > 0 && seconds() >= context_.trunk_seconds});
  state_.step_loss = agreed_.sums[0];
}

// Also writes a checkpoint when one is due.
bool Training::asked_to_stop() {
  const bool alone = ranks_.is_alone();
  const bool stop = alone ? context_.should_stop(tokens_done()) : agreed_.stop;
  const bool due = alone ? since_save_.seconds() >= context_.checkpoint_seconds : agreed_.save;
  if (folder_ && (stop || due) && state_.step < schedule_.steps) save();
  return stop;
}

bool Training::average_says_diverged() {
  state_.average_loss += kAverageWeight * (loss_ - state_.average_loss);
  const bool above =
      state_.step > schedule_.warmup_steps && state_.average_loss > state_.first_loss;
  state_.steps_above = above ? state_.steps_above + 1 : 0;
  return state_.steps_above >= kStepsAboveTheStart;
}

// --- The curve.

bool Training::is_curve_point() const {
  if (state_.step == schedule_.steps) return true;
  const auto place = [](std::int64_t step) {
    return std::floor(kPointsADoubling * std::log2(static_cast<double>(step)));
  };
  if (state_.step == 1 || place(state_.step) != place(state_.step - 1)) return true;
  const std::int64_t cooled = state_.step - schedule_.branch_step;
  const std::int64_t stride = (schedule_.steps - schedule_.branch_step) / kPointsACooldown;
  return cooled > 0 && stride > 0 && cooled % stride == 0;
}

void Training::note_curve() {
  CurvePoint point{.step = state_.step,
                   .tokens = tokens_done(),
                   .flops = tokens_done() * flops_per_token(trial_, FlopConvention::kExact),
                   .train_loss = std::exchange(state_.loss_sum, 0) /
                                 static_cast<double>(std::exchange(state_.loss_count, 0)),
                   .rate = rate_,
                   .grad_norm = norm_,
                   .seconds = seconds()};
  if (state_.step >= kFirstGlance && is_power_of_two(state_.step)) {
    const Evaluation evaluation = glance(*model_, source_, kWindowsOfAGlance, ranks_);
    point.heldout_loss = evaluation.loss;
    point.heldout_error = evaluation.standard_error;
  }
  state_.curve.push_back(point);
  if (ranks_.is_first()) context_.record_curve({&point, 1});
}

// --- The end.

double Training::tokens_done() const {
  return static_cast<double>((state_.step * trial_.train.batch + state_.sequences) *
                             trial_.model.context);
}

std::string Training::diverged_reason() const {
  const std::string numbers = "loss " + exact_number(loss_) + " and gradient norm " +
                              exact_number(norm_) + " at step " + std::to_string(state_.step + 1) +
                              ", first loss " + exact_number(state_.first_loss);
  if (state_.steps_above < kStepsAboveTheStart) return "not finite: " + numbers;
  return "above its first loss for " + std::to_string(kStepsAboveTheStart) + " steps: " + numbers;
}

// Nothing runs faster than its peak: then the peak is wrong, and so would be the MFU.
std::optional<double> Training::utilisation(double flops) {
  if (context_.peak_flops <= 0 || step_seconds_ <= 0) return std::nullopt;
  const double mfu = flops / step_seconds_ / (context_.peak_flops * ranks_.world());
  if (mfu <= 1) return mfu;
  notes_.push_back("MFU: " + format_quantity(100 * mfu) + " % of a peak of " +
                   format_flops(context_.peak_flops) +
                   " FLOP/s cannot be, and is left out: give the device's own peak (--peak-flops)");
  return std::nullopt;
}

Outcome Training::outcome_of(Verdict verdict) {
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
    outcome.evaluations = evaluate(*model_, source_, ranks_);
  }
  outcome.notes = notes_;
  outcome.seconds = watch_.seconds();
  return outcome;
}

}  // namespace isoflop
