#include "trainer/training.h"

#include <algorithm>
#include <utility>

#include "trainer/evaluation.h"

namespace isoflop {
namespace {

Transformer on_device(const Trial& trial, torch::Device device) {
  Transformer model(trial.model, static_cast<std::uint64_t>(trial.seed));
  model->set_router_weights({.balance = trial.train.balance_loss, .z = trial.train.router_z_loss});
  model->to(device);
  return model;
}

}  // namespace

Training::Training(const Trial& trial, const TokenSource& source, RunContext& context,
                   torch::Device device)
    : context_(context),
      progress_(trial, source, context),
      model_(on_device(trial, device)),
      optimizer_(model_->groups(), trial.train),
      batches_(trial, source) {}

Outcome Training::run() {
  if (const auto found = progress_.find_checkpoint()) restore(*found);
  progress_.begin();
  return progress_.outcome_of(train(), [&] { return evaluate(losses_of(*model_), batches_); });
}

// --- Checkpoints.

void Training::restore(const Checkpoint& checkpoint) {
  optimizer_.restore({checkpoint.weights, checkpoint.means, checkpoint.squares}, checkpoint.step);
  if (checkpoint.sequences > 0) optimizer_.restore_gradients(checkpoint.gradients);
  progress_.go_on_from(checkpoint);
}

void Training::save() {
  Checkpoint arrays;
  AdamW::State optimizer = optimizer_.state();
  arrays.weights = std::move(optimizer.weights);
  arrays.means = std::move(optimizer.means);
  arrays.squares = std::move(optimizer.squares);
  if (progress_.state().sequences > 0) arrays.gradients = optimizer_.gradients();
  progress_.save(std::move(arrays));
}

// --- Steps.

Verdict Training::train() {
  const Checkpoint& state = progress_.state();
  while (!progress_.at_end()) {
    const Schedule& schedule = progress_.schedule();
    const bool out_of_time =
        context_.trunk_seconds > 0 && progress_.seconds() >= context_.trunk_seconds;
    if (out_of_time && state.sequences == 0 && state.step > schedule.warmup_steps &&
        state.step < schedule.branch_step) {
      progress_.cool_down_now();
    }
    const bool leaves_trunk = progress_.leaves_trunk() && state.sequences == 0;
    if (leaves_trunk && progress_.has_folder() && progress_.resumed_at() != state.step) save();
    const Verdict verdict = take_step();
    if (verdict != Verdict::kGoOn) return verdict;
  }
  return Verdict::kGoOn;
}

Verdict Training::take_step() {
  const Stopwatch watch;
  Checkpoint& state = progress_.state();
  if (state.sequences == 0) optimizer_.zero_gradients();
  if (add_micro_batches() == Verdict::kStop) return Verdict::kStop;
  const double loss = std::exchange(state.step_loss, 0);
  state.sequences = 0;
  const double norm = optimizer_.clip_gradients(progress_.trial().train.clip);
  if (progress_.note_loss(loss, norm) != Verdict::kGoOn) return Verdict::kDiverged;
  optimizer_.step(progress_.rate());
  if (progress_.end_step(watch.seconds()) != Verdict::kGoOn) return Verdict::kDiverged;
  if (progress_.is_curve_point()) note_curve();
  return asked_to_stop() && !progress_.at_end() ? Verdict::kStop : Verdict::kGoOn;
}

// Adds the gradients of what is left of the step's batch.
Verdict Training::add_micro_batches() {
  Checkpoint& state = progress_.state();
  const Trial& trial = progress_.trial();
  const std::int64_t batch = trial.train.batch;
  const std::int64_t most = context_.micro_batch > 0 ? context_.micro_batch : batch;
  while (state.sequences < batch) {
    const std::int64_t count = std::min(most, batch - state.sequences);
    batches_.train(state.step * batch + state.sequences, count, batch_);
    const double share = static_cast<double>(count) / static_cast<double>(batch);
    const BatchLosses losses = model_->add_gradients(batch_, share);
    state.step_loss += share * losses.loss;
    add_share(state.step_router, losses.router, share);
    state.sequences += count;
    if (state.sequences < batch && asked_to_stop()) return Verdict::kStop;
  }
  return Verdict::kGoOn;
}

// Also writes a checkpoint when one is due.
bool Training::asked_to_stop() {
  const bool stop = context_.should_stop(progress_.tokens_done());
  const bool due = progress_.save_is_due();
  if (progress_.has_folder() && (stop || due) && !progress_.at_end()) save();
  return stop;
}

void Training::note_curve() {
  std::optional<Evaluation> seen;
  if (progress_.is_glance()) seen = glance(losses_of(*model_), batches_, kWindowsOfAGlance);
  progress_.note_curve(seen);
}

}  // namespace isoflop
