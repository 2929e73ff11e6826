#include "trainer/training.h"

#include <algorithm>
#include <utility>

#include "trainer/evaluation.h"

namespace isoflop {
namespace {

Transformer on_device(const Trial& trial, torch::Device device, TransformerPath path) {
  Transformer model(trial.model, static_cast<std::uint64_t>(trial.seed), path);
  model->set_router_weights({.balance = trial.train.balance_loss, .z = trial.train.router_z_loss});
  model->to(device);
  if (trial.train.dtype == "bfloat16") model->compute_in(torch::kBFloat16);
  return model;
}

// Several processes meet between the gradients and the update, which no recording holds.
std::unique_ptr<StepRunner> steps_on(torch::Device device, TransformerImpl& model, AdamW& optimizer,
                                     DataParallel& parallel, const Ranks& ranks, double clip) {
  if (device.is_cpu() || !ranks.is_alone()) return host_steps(model, optimizer, parallel, clip);
  const std::string waits =
      model.waits_for_device()
          ? "experts without a capacity, whose products cannot be grouped "
            "(float32, or widths that are no multiple of 8), wait for the device"
          : "";
  return device_steps(model, optimizer, make_step_recorder(device, waits));
}

std::vector<double> numbers_of(const RouterStats& stats) {
  return {stats.largest_load, stats.unused, stats.dropped, stats.entropy, stats.balance, stats.z};
}

RouterStats router_stats_of(const double* numbers) {
  return {.largest_load = numbers[0],
          .unused = numbers[1],
          .dropped = numbers[2],
          .entropy = numbers[3],
          .balance = numbers[4],
          .z = numbers[5]};
}

}  // namespace

Training::Training(const Trial& trial, const TokenSource& source, RunContext& context,
                   torch::Device device, Ranks* ranks, const TrainingOptions& options)
    : context_(context),
      ranks_(ranks != nullptr ? *ranks : alone_),
      progress_(trial, source, context),
      model_(on_device(trial, device, options.path)),
      optimizer_(model_->groups(), trial.train, DataParallel::shard_of(ranks_, options.parallel)),
      parallel_(ranks_, optimizer_, model_->groups(), options.parallel),
      batches_(trial, source),
      steps_(steps_on(device, *model_, optimizer_, parallel_, ranks_, trial.train.clip)) {}

Outcome Training::run() {
  go_on();
  progress_.begin();
  const Verdict verdict = train();
  if (!steps_->note().empty()) progress_.notes().push_back(steps_->note());
  return progress_.outcome_of(verdict,
                              [&] { return evaluate(losses_of(*model_), batches_, &ranks_); });
}

// --- Checkpoints.

// From the checkpoint that rank 0 finds, where there is one.
void Training::go_on() {
  AdamW::State arrays;  // whole, on rank 0
  const std::string found = ranks_.from_first([&] {
    std::optional<Checkpoint> checkpoint = progress_.find_checkpoint();
    if (!checkpoint) return std::string();
    restore(*checkpoint);
    arrays = {std::move(checkpoint->weights), std::move(checkpoint->means),
              std::move(checkpoint->squares)};
    return std::string("found");
  });
  if (!found.empty() && !ranks_.is_alone()) take_first_ranks_state(arrays);
}

// Gradients, loss and routing of a half-done step stay rank 0's part of it.
void Training::take_first_ranks_state(AdamW::State& arrays) {
  const Checkpoint& own = progress_.state();
  std::vector<double> numbers{static_cast<double>(own.step),
                              static_cast<double>(own.sequences),
                              static_cast<double>(own.steps_above),
                              static_cast<double>(own.loss_count),
                              own.first_loss,
                              own.average_loss,
                              own.loss_sum};
  ranks_.broadcast(torch::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())},
                                    torch::kFloat64));
  if (!ranks_.is_first()) {
    progress_.go_on_from({.micro_batch = own.micro_batch,
                          .step = static_cast<std::int64_t>(numbers[0]),
                          .sequences = static_cast<std::int64_t>(numbers[1]),
                          .first_loss = numbers[4],
                          .loss_sum = numbers[6],
                          .loss_count = static_cast<std::int64_t>(numbers[3]),
                          .average_loss = numbers[5],
                          .steps_above = static_cast<std::int64_t>(numbers[2])});
  }
  parallel_.restore(arrays, progress_.state().step);
}

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
  AdamW::State optimizer = parallel_.state();
  arrays.weights = std::move(optimizer.weights);
  arrays.means = std::move(optimizer.means);
  arrays.squares = std::move(optimizer.squares);
  if (progress_.state().sequences > 0) arrays.gradients = optimizer_.gradients();
  ranks_.from_first([&] {
    progress_.save(std::move(arrays));
    return std::string();
  });
}

// --- Steps.

Verdict Training::train() {
  const Checkpoint& state = progress_.state();
  while (!progress_.at_end()) {
    const Schedule& schedule = progress_.schedule();
    if (is_out_of_time() && state.sequences == 0 && state.step > schedule.warmup_steps &&
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

bool Training::is_out_of_time() const {
  if (!ranks_.is_alone()) return agreed_.out_of_time;
  return context_.trunk_seconds > 0 && progress_.seconds() >= context_.trunk_seconds;
}

Verdict Training::take_step() {
  const Stopwatch watch;
  Checkpoint& state = progress_.state();
  if (state.sequences == 0) steps_->begin();
  if (add_micro_batches() == Verdict::kStop) return Verdict::kStop;
  if (!ranks_.is_alone()) sum_over_ranks();
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

// Adds the gradients of this process' share of what is left of the step's batch.
Verdict Training::add_micro_batches() {
  Checkpoint& state = progress_.state();
  const std::int64_t batch = progress_.trial().train.batch;
  while (state.sequences < batch) {
    const Part part = next_part(state.step);
    if (state.sequences + part.whole == batch) parallel_.expect_gradients();
    if (part.own > 0) {
      const bool is_here = part.first == batch_first_ && part.own == batch_.sequences;
      if (!is_here) batches_.train(part.first, part.own, batch_);
      batch_first_ = -1;
      steps_->add(batch_, static_cast<double>(part.own) / static_cast<double>(batch));
    }
    state.sequences += part.whole;
    if (ranks_.is_alone() && state.sequences < batch && asked_to_stop()) return Verdict::kStop;
  }
  return Verdict::kGoOn;
}

Training::Part Training::next_part(std::int64_t step) const {
  const std::int64_t batch = progress_.trial().train.batch, done = progress_.state().sequences;
  const std::int64_t left = batch - done;
  const std::int64_t whole = context_.micro_batch > 0 ? std::min(context_.micro_batch, left) : left;
  const std::int64_t begin = first_of_share(whole, ranks_.rank(), ranks_.world());
  const std::int64_t end = first_of_share(whole, ranks_.rank() + 1, ranks_.world());
  return {.first = step * batch + done + begin, .own = end - begin, .whole = whole};
}

// The first micro-batch of the next step, while the device works.
void Training::read_ahead() {
  const std::int64_t next = progress_.state().step + 1;
  if (next >= progress_.schedule().steps) return;
  const Part part = next_part(next);
  if (part.own == 0) return;
  batches_.train(part.first, part.own, batch_);
  batch_first_ = part.first;
}

void Training::sum_over_ranks() {
  const BatchLosses own = steps_->losses();
  const bool clock = ranks_.is_first();
  std::vector<double> sums = numbers_of(own.router);
  sums.push_back(own.next_sentence);
  sums.push_back(own.loss);
  agreed_ = parallel_.sum({.sums = sums,
                           .stop = context_.should_stop(progress_.tokens_done()),
                           .save = clock && progress_.save_is_due(),
                           .out_of_time = clock && context_.trunk_seconds > 0 &&
                                          progress_.seconds() >= context_.trunk_seconds});
  steps_->go_on({.loss = agreed_.sums.back(),
                 .next_sentence = agreed_.sums.end()[-2],
                 .router = router_stats_of(agreed_.sums.data())});
}

// Also writes a checkpoint when one is due.
bool Training::asked_to_stop() {
  const bool alone = ranks_.is_alone();
  const bool stop = alone ? context_.should_stop(progress_.tokens_done()) : agreed_.stop;
  const bool due = alone ? progress_.save_is_due() : agreed_.save;
  if (progress_.has_folder() && (stop || due) && !progress_.at_end()) save();
  return stop;
}

void Training::note_curve() {
  std::optional<Evaluation> seen;
  if (progress_.is_glance())
    seen = glance(losses_of(*model_), batches_, kWindowsOfAGlance, &ranks_);
  progress_.note_curve(seen);
}

}  // namespace isoflop
