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
  if (trial.train.dtype == "bfloat16") model->compute_in(torch::kBFloat16);
  return model;
}

std::unique_ptr<StepRunner> steps_on(torch::Device device, TransformerImpl& model, AdamW& optimizer,
                                     const TrainSpec& spec) {
  if (device.is_cpu()) return host_steps(model, optimizer, spec);
  return device_steps(model, optimizer, make_step_recorder(device));
}

}  // namespace

Training::Training(const Trial& trial, const TokenSource& source, RunContext& context,
                   torch::Device device)
    : context_(context),
      progress_(trial, source, context),
      model_(on_device(trial, device)),
      optimizer_(model_->groups(), trial.train),
      batches_(trial, source),
      steps_(steps_on(device, *model_, optimizer_, trial.train)) {}

Outcome Training::run() {
  if (const auto found = progress_.find_checkpoint()) restore(*found);
  progress_.begin();
  const Verdict verdict = train();
  if (!steps_->note().empty()) progress_.notes().push_back(steps_->note());
  return progress_.outcome_of(verdict, [&] { return evaluate(losses_of(*model_), batches_); });
}

// --- Checkpoints.

void Training::restore(const Checkpoint& checkpoint) {
  optimizer_.restore({checkpoint.weights, checkpoint.means, checkpoint.squares}, checkpoint.step);
  if (checkpoint.sequences > 0) {
    optimizer_.restore_gradients(checkpoint.gradients);
    steps_->go_on({.loss = checkpoint.step_loss, .router = checkpoint.step_router});
  }
  progress_.go_on_from(checkpoint);
}

void Training::save() {
  if (Checkpoint& state = progress_.state(); state.sequences > 0) {
    const BatchLosses so_far = steps_->losses();
    state.step_loss = so_far.loss;
    state.step_router = so_far.router;
  }
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
  if (state.sequences == 0) steps_->begin();
  if (add_micro_batches() == Verdict::kStop) return Verdict::kStop;
  state.step_loss = 0;
  state.sequences = 0;
  steps_->update(progress_.rate());
  read_ahead();
  const StepResult result = steps_->result();
  state.step_router = result.losses.router;
  if (progress_.note_loss(result.losses.loss, result.norm) != Verdict::kGoOn) {
    return Verdict::kDiverged;
  }
  if (progress_.end_step(watch.seconds()) != Verdict::kGoOn) return Verdict::kDiverged;
  if (progress_.is_curve_point()) note_curve();
  return asked_to_stop() && !progress_.at_end() ? Verdict::kStop : Verdict::kGoOn;
}

// Adds the gradients of what is left of the step's batch.
Verdict Training::add_micro_batches() {
  Checkpoint& state = progress_.state();
  const std::int64_t batch = progress_.trial().train.batch;
  while (state.sequences < batch) {
    const std::int64_t count = next_count(), first = state.step * batch + state.sequences;
    const bool is_here = first == batch_first_ && count == batch_.sequences;
    if (!is_here) batches_.train(first, count, batch_);
    batch_first_ = -1;
    steps_->add(batch_, static_cast<double>(count) / static_cast<double>(batch));
    state.sequences += count;
    if (state.sequences < batch && asked_to_stop()) return Verdict::kStop;
  }
  return Verdict::kGoOn;
}

// Sequences of the next micro-batch.
std::int64_t Training::next_count() const {
  const std::int64_t left = progress_.trial().train.batch - progress_.state().sequences;
  return context_.micro_batch > 0 ? std::min(context_.micro_batch, left) : left;
}

// The first micro-batch of the next step, while the device works.
void Training::read_ahead() {
  const std::int64_t next = progress_.state().step + 1;
  if (next >= progress_.schedule().steps) return;
  batch_first_ = next * progress_.trial().train.batch;
  batches_.train(batch_first_, next_count(), batch_);
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
