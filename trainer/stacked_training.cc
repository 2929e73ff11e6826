#include "trainer/stacked_training.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/token_batch.h"
#include "trainer/evaluation.h"
#include "trainer/out_of_memory.h"
#include "trainer/training.h"

namespace isoflop {
namespace {

std::vector<std::int64_t> seeds_of(const std::vector<StackedTraining::Row>& rows) {
  std::vector<std::int64_t> seeds;
  for (const auto& row : rows) seeds.push_back(row.progress->trial().seed);
  return seeds;
}

std::vector<TrainSpec> specs_of(const std::vector<StackedTraining::Row>& rows) {
  std::vector<TrainSpec> specs;
  for (const auto& row : rows) specs.push_back(row.progress->trial().train);
  return specs;
}

torch::ScalarType products_of(const Trial& trial) {
  return trial.train.dtype == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
}

}  // namespace

std::string stack_key(const Trial& trial) {
  if (trial.trainer != "decoder" || !can_be_stacked(trial.model)) return "";
  const TrainSpec same;
  Trial key = trial;
  key.seed = 1;
  key.train.rate = same.rate;
  key.train.weight_decay = same.weight_decay;
  key.train.clip = same.clip;
  return canonical_json(key);
}

// --- One group.

StackedTraining::StackedTraining(std::vector<Row>& rows, torch::Device device)
    : rows_(rows),
      model_(first().model, seeds_of(rows), device, products_of(first())),
      optimizer_(model_.weights(), model_.gradients(), model_.layout(), specs_of(rows)),
      losses_(model_),
      recorder_(make_step_recorder(device)) {
  for (Row& row : rows) batches_.emplace_back(row.progress->trial(), row.progress->source());
  const std::int64_t batch = first().train.batch, most = progress(0).state().micro_batch;
  part_ = most > 0 ? std::min(most, batch) : batch;
  const auto trials = static_cast<std::int64_t>(rows.size());
  for (torch::Tensor& host : host_batch_) {
    host = torch::zeros({2, trials, batch, first().model.context}, torch::kInt64);
    if (!device.is_cpu()) host = host.pin_memory();
  }
  batch_ = torch::zeros_like(host_batch_[0], torch::TensorOptions().device(device));
  results_ = torch::zeros({2, trials}, torch::TensorOptions().device(device));
}

void StackedTraining::run() {
  restore();
  const std::int64_t steps = progress(0).schedule().steps;
  if (step() < steps) read_batch(step());
  while (live() > 0 && step() < steps) take_step();
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (!rows_[k].ended) end(k, Verdict::kGoOn);
  }
}

void StackedTraining::restore() {
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (auto& found = rows_[k].checkpoint) {
      optimizer_.restore(static_cast<std::int64_t>(k),
                         {found->weights, found->means, found->squares});
      progress(k).go_on_from(*found);
      found.reset();
    }
    progress(k).begin();
  }
  optimizer_.set_steps_done(step());
}

// All that live are at the same step.
std::int64_t StackedTraining::step() const {
  std::int64_t furthest = 0;
  for (const Row& row : rows_) furthest = std::max(furthest, row.progress->state().step);
  return furthest;
}

std::int64_t StackedTraining::live() const {
  return std::count_if(rows_.begin(), rows_.end(), [](const Row& row) { return !row.ended; });
}

// --- A step.

// Into the buffer that the device does not read.
void StackedTraining::read_batch(std::int64_t at_step) {
  filled_ = 1 - filled_;
  const std::int64_t batch = first().train.batch;
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (rows_[k].ended) continue;
    batches_[k].train(at_step * batch, batch, tokens_);
    const auto row = static_cast<std::int64_t>(k);
    std::copy(tokens_.inputs.begin(), tokens_.inputs.end(),
              host_batch_[filled_][0][row].data_ptr<std::int64_t>());
    std::copy(tokens_.targets.begin(), tokens_.targets.end(),
              host_batch_[filled_][1][row].data_ptr<std::int64_t>());
  }
}

void StackedTraining::take_step() {
  const Stopwatch watch;
  std::vector<double> rates;
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    const bool leaves_trunk = !rows_[k].ended && progress(k).leaves_trunk();
    if (leaves_trunk && progress(k).resumed_at() != step()) save(k);
    // Of those that have ended too: trials of one rate share a call (trainer/stacked_adamw.h).
    rates.push_back(progress(k).trial().train.rate * rate_factor(progress(k).schedule(), step()));
  }
  optimizer_.set_rates(rates);
  batch_.copy_(host_batch_[filled_], /*non_blocking=*/true);
  recorder_->run(0, [this] { compute(); });
  losses_.forget();
  if (step() + 1 < progress(0).schedule().steps) read_batch(step() + 1);
  end_step(watch.seconds());
}

// What is recorded as one launch: it reads batch_ and the optimizer's rates, and writes results_.
void StackedTraining::compute() {
  optimizer_.zero_gradients();
  results_.zero_();
  const std::int64_t batch = first().train.batch;
  for (std::int64_t begin = 0; begin < batch; begin += part_) {
    add_part(begin, std::min(part_, batch - begin));
  }
  results_[1].copy_(optimizer_.clip_gradients());
  optimizer_.step();
}

void StackedTraining::add_part(std::int64_t begin, std::int64_t count) {
  const double share = static_cast<double>(count) / static_cast<double>(first().train.batch);
  const auto part = batch_.narrow(2, begin, count);
  results_[0].add_(model_.add_gradients(part[0], part[1], share), share);
}

// Waits for the device.
void StackedTraining::end_step(double seconds) {
  const auto results = results_.cpu();
  const double share = seconds / static_cast<double>(live());
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (rows_[k].ended) continue;
    const auto row = static_cast<std::int64_t>(k);
    const double loss = results[0][row].item<double>(), norm = results[1][row].item<double>();
    if (progress(k).note_loss(loss, norm) != Verdict::kGoOn ||
        progress(k).end_step(share) != Verdict::kGoOn) {
      end(k, Verdict::kDiverged);
    }
  }
  note_curves();
  obey();
}

void StackedTraining::note_curves() {
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (rows_[k].ended || !progress(k).is_curve_point()) continue;
    std::optional<Evaluation> seen;
    if (progress(k).is_glance()) {
      seen = glance(losses_.of(static_cast<std::int64_t>(k)), batches_[k], kWindowsOfAGlance);
    }
    progress(k).note_curve(seen);
  }
  losses_.forget();  // a glance's batches are not the evaluation's
}

// Ends those that were asked to stop, and writes the checkpoints that are due.
void StackedTraining::obey() {
  for (std::size_t k = 0; k < rows_.size(); ++k) {
    if (rows_[k].ended) continue;
    const bool stop = progress(k).context().should_stop(progress(k).tokens_done());
    if (progress(k).at_end()) continue;
    if (stop || progress(k).save_is_due()) save(k);
    if (stop) end(k, Verdict::kStop);
  }
}

void StackedTraining::save(std::size_t k) {
  if (!progress(k).has_folder()) return;
  AdamW::State arrays = optimizer_.state(static_cast<std::int64_t>(k));
  Checkpoint checkpoint;
  checkpoint.weights = std::move(arrays.weights);
  checkpoint.means = std::move(arrays.means);
  checkpoint.squares = std::move(arrays.squares);
  progress(k).save(std::move(checkpoint));
}

void StackedTraining::end(std::size_t k, Verdict verdict) {
  Row& row = rows_[k];
  if (!recorder_->note().empty()) progress(k).notes().push_back(recorder_->note());
  *row.outcome = progress(k).outcome_of(
      verdict, [&] { return evaluate(losses_.of(static_cast<std::int64_t>(k)), batches_[k]); });
  row.outcome->seconds /= static_cast<double>(rows_.size());
  row.ended = true;
  progress(k).context().ended(*row.outcome);
}

// --- All of them.

namespace {

// The steps at which they go on; -1: between micro-batches, alone.
std::map<std::int64_t, std::vector<StackedTraining::Row>> groups_of(
    std::span<const StackMember> members, std::vector<Outcome>& outcomes) {
  std::map<std::int64_t, std::vector<StackedTraining::Row>> groups;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const StackMember& member = members[i];
    StackedTraining::Row row{
        .progress = std::make_unique<TrialProgress>(*member.trial, *member.source, *member.context),
        .outcome = &outcomes[i]};
    row.checkpoint = row.progress->find_checkpoint();
    const std::int64_t step = !row.checkpoint                  ? 0
                              : row.checkpoint->sequences == 0 ? row.checkpoint->step
                                                               : -1;
    groups[step].push_back(std::move(row));
  }
  return groups;
}

void train_alone(StackedTraining::Row& row, torch::Device device) {
  RunContext& context = row.progress->context();
  const Trial trial = row.progress->trial();
  const TokenSource& source = row.progress->source();
  row.checkpoint.reset();
  *row.outcome = Training(trial, source, context, device).run();
  row.ended = true;
  context.ended(*row.outcome);
}

void train_group(std::int64_t step, std::vector<StackedTraining::Row>& rows, torch::Device device) {
  if (step >= 0 && rows.size() > 1) {
    StackedTraining(rows, device).run();
    return;
  }
  for (auto& row : rows) train_alone(row, device);
}

}  // namespace

std::vector<Outcome> run_stacked(std::span<const StackMember> members, torch::Device device) {
  std::vector<Outcome> outcomes(members.size());
  auto groups = groups_of(members, outcomes);
  for (auto& [step, rows] : groups) {
    const Outcome why = or_out_of_memory([&] {
      train_group(step, rows, device);
      return Outcome{.status = OutcomeStatus::kDone, .reason = ""};
    });
    if (why.status != OutcomeStatus::kOutOfMemory) continue;
    for (auto& row : rows) {
      if (!std::exchange(row.ended, true)) *row.outcome = why;
    }
  }
  return outcomes;
}

}  // namespace isoflop
