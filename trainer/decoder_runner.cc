#include "trainer/decoder_runner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "data/token_source.h"
#include "model/decoder.h"
#include "trainer/adamw.h"
#include "trainer/evaluation.h"
#include "core/schedule.h"

namespace isoflop {
namespace {

constexpr std::int64_t kPointsOnTheCurve = 64;
constexpr std::int64_t kWindowsOnTheWay = 32;
constexpr double kDivergedNats = 0.5;

torch::Device open_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  if (name.rfind("cuda", 0) == 0) {
    if (!torch::cuda::is_available()) {
      throw failure("--device " + name +
                    ": no CUDA device can be used: check nvidia-smi, build with preset cuda, or "
                    "leave --device out to train on the CPU");
    }
    return torch::Device(name);
  }
  throw usage_error("--device: \"" + name + "\" is not known: use cpu, cuda or cuda:N");
}

void require_fresh_tokens(const Trial& trial, const TokenSource& source) {
  const auto needed =
      static_cast<double>(steps_of(trial) * trial.train.batch * trial.model.context);
  const auto there = static_cast<double>(source.unique_tokens());
  if (needed <= there) return;
  throw usage_error("train.tokens: " + format_quantity(needed) + " tokens are more than the " +
                    format_quantity(there) +
                    " that the corpus has for training, and no trial sees a token twice: lower the "
                    "budget, leave out the smallest sizes, or prepare a larger corpus");
}

// One trial's training, step by step.
class Training {
 public:
  Training(const Trial& trial, const TokenSource& source, RunContext& context)
      : trial_(trial),
        source_(source),
        context_(context),
        device_(open_device(context.device)),
        schedule_(schedule_of(trial)),
        model_(trial.model, static_cast<std::uint64_t>(trial.seed)),
        optimizer_((model_->to(device_), model_->matrices()), model_->vectors(), trial.train),
        windows_(static_cast<size_t>(trial.train.batch * (trial.model.context + 1))) {}

  Outcome run();

 private:
  enum class Verdict { kGoOn, kDiverged, kStop };

  Verdict step(std::int64_t index);
  void note_curve(std::int64_t index);
  bool evaluates_after(std::int64_t step) const;
  bool has_diverged() const;
  double tokens_after(std::int64_t steps) const {
    return static_cast<double>(steps * trial_.train.batch * trial_.model.context);
  }

  const Trial& trial_;
  const TokenSource& source_;
  RunContext& context_;
  torch::Device device_;
  Schedule schedule_;
  Decoder model_;
  AdamW optimizer_;
  std::vector<std::int32_t> windows_;
  Stopwatch watch_;
  double loss_ = 0, first_loss_ = 0, norm_ = 0, rate_ = 0;
  double loss_sum_ = 0;  // since the last point of the curve
  std::int64_t loss_count_ = 0;
};

Training::Verdict Training::step(std::int64_t index) {
  source_.train_batch(index * trial_.train.batch, windows_);
  const TokenBatch batch = to_batch(windows_, trial_.model.context, device_);
  const torch::Tensor loss = model_->loss(batch.inputs, batch.targets);
  optimizer_.zero_gradients();
  loss.backward();
  loss_ = loss.item<double>();
  norm_ = optimizer_.clip_gradients(trial_.train.clip);
  if (index == 0) first_loss_ = loss_;
  loss_sum_ += loss_;
  ++loss_count_;
  if (!std::isfinite(loss_) || !std::isfinite(norm_)) return Verdict::kDiverged;
  rate_ = trial_.train.rate * rate_factor(schedule_, index);
  optimizer_.step(rate_);
  return context_.should_stop(tokens_after(index + 1)) ? Verdict::kStop : Verdict::kGoOn;
}

bool Training::evaluates_after(std::int64_t step) const {
  return step == schedule_.steps / 8 || step == schedule_.steps / 4 || step == schedule_.steps / 2;
}

// Judged on a point of the curve: a mean over many steps, not one batch.
bool Training::has_diverged() const {
  return loss_count_ > 0 &&
         loss_sum_ / static_cast<double>(loss_count_) > first_loss_ + kDivergedNats;
}

void Training::note_curve(std::int64_t index) {
  const std::int64_t done = index + 1;
  CurvePoint point{.step = done,
                   .tokens = tokens_after(done),
                   .flops = tokens_after(done) * flops_per_token(trial_, FlopConvention::kExact),
                   .train_loss = loss_sum_ / static_cast<double>(loss_count_),
                   .heldout_loss = std::nullopt,
                   .rate = rate_,
                   .grad_norm = norm_,
                   .seconds = watch_.seconds()};
  if (evaluates_after(done)) {
    point.heldout_loss = evaluate(*model_, source_, kWindowsOnTheWay, device_).loss;
  }
  context_.record_curve({&point, 1});
  loss_sum_ = 0;
  loss_count_ = 0;
}

Outcome Training::run() {
  Outcome outcome{.status = OutcomeStatus::kDone, .reason = ""};
  const std::int64_t stride = std::max<std::int64_t>(1, schedule_.steps / kPointsOnTheCurve);
  std::int64_t index = 0;
  for (; index < schedule_.steps; ++index) {
    const Verdict verdict = step(index);
    const bool at_point = (index + 1) % stride == 0 || index + 1 == schedule_.steps;
    const bool bad = verdict == Verdict::kDiverged ||
                     (at_point && index >= schedule_.warmup_steps && has_diverged());
    if (bad) {
      outcome.status = OutcomeStatus::kDiverged;
      outcome.reason = "training loss " + exact_number(loss_) + " and gradient norm " +
                       exact_number(norm_) + " at step " + std::to_string(index + 1) +
                       ", started at " + exact_number(first_loss_);
      break;
    }
    if (at_point || evaluates_after(index + 1)) note_curve(index);
    if (verdict == Verdict::kStop && index + 1 < schedule_.steps) {
      outcome.status = OutcomeStatus::kInterrupted;
      outcome.reason = "asked to stop";
      ++index;
      break;
    }
  }
  outcome.steps = index;
  outcome.tokens = tokens_after(index);
  if (outcome.status == OutcomeStatus::kDone) {
    outcome.evaluations.push_back(evaluate(*model_, source_, trial_.eval_windows, device_));
  }
  outcome.seconds = watch_.seconds();
  return outcome;
}

class DecoderRunner : public TrialRunner {
 public:
  explicit DecoderRunner(std::function<CorpusManifest(const std::string&)> read_manifest)
      : read_manifest_(std::move(read_manifest)) {
    // One thread a worker: k small models on k cores beat one model on k cores, and one thread
    // gives the same bits every time.
    torch::set_num_threads(1);
  }

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) outcomes.push_back(run_one(trial, context));
    return outcomes;
  }

 private:
  Outcome run_one(const Trial& trial, RunContext& context) {
    validate(trial);
    CorpusManifest manifest;
    if (trial.data.source == "text") manifest = read_manifest_(context.corpus_dir);
    const auto source = make_token_source(trial, context.corpus_dir, manifest);
    require_fresh_tokens(trial, *source);
    return Training(trial, *source, context).run();
  }

  std::function<CorpusManifest(const std::string&)> read_manifest_;
};

}  // namespace

std::unique_ptr<TrialRunner> make_decoder_runner(
    std::function<CorpusManifest(const std::string&)> read_manifest) {
  return std::make_unique<DecoderRunner>(std::move(read_manifest));
}

bool has_torch() { return true; }

}  // namespace isoflop
