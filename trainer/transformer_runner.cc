#include "trainer/transformer_runner.h"

#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/schedule.h"
#include "core/units.h"
#include "data/token_source.h"
#include "trainer/checkpoint_folder.h"
#include "trainer/out_of_memory.h"
#include "trainer/own_stream.h"
#include "trainer/ranks.h"
#include "trainer/stacked_training.h"
#include "trainer/training.h"

namespace isoflop {
namespace {

// Slurm may show a process its own device only.
c10::DeviceIndex own_index(const RankPlace& place) {
  const auto devices = static_cast<int>(torch::cuda::device_count());
  return static_cast<c10::DeviceIndex>(devices > 0 ? place.local_rank % devices : 0);
}

torch::Device open_device(const std::string& name, const RankPlace& place) {
  if (name == "cpu") return torch::kCPU;
  if (name.rfind("cuda", 0) == 0) {
    if (!torch::cuda::is_available()) {
      throw failure("--device " + name +
                    ": no CUDA device can be used: check nvidia-smi, build with preset cuda, or "
                    "leave --device out to train on the CPU");
    }
    if (name == "cuda" && place.world > 1) return {torch::kCUDA, own_index(place)};
    return torch::Device(name);
  }
  throw usage_error("--device: \"" + name + "\" is not known: use cpu, cuda or cuda:N");
}

void require_tokens(const Trial& trial, const TokenSource& source) {
  const auto needed =
      static_cast<double>(steps_of(trial) * trial.train.batch * trial.model.context);
  const double once = static_cast<double>(source.unique_tokens());
  constexpr double kRounding = 1e-9;  // of fractional epochs
  if (needed <= once * trial.data.epochs * (1 + kRounding)) return;
  const bool capped = trial.data.unique_tokens > 0;
  throw usage_error("train.tokens: " + format_quantity(needed) +
                    " tokens are more than data.epochs = " + format_quantity(trial.data.epochs) +
                    " passes over the " + format_quantity(once) +
                    (capped ? " of data.unique_tokens" : " that the corpus has for training") +
                    ": lower the budget, leave out the smallest sizes, " +
                    (capped ? "raise data.unique_tokens" : "prepare a larger corpus") +
                    ", or allow more passes with data.epochs");
}

class TransformerRunner : public TrialRunner {
 public:
  TransformerRunner(std::function<CorpusManifest(const std::string&)> read_manifest,
                    const TransformerRunnerOptions& options)
      : read_manifest_(std::move(read_manifest)), options_(options) {
    // One thread a worker: k small models on k cores beat one model on k cores, and one thread
    // gives the same bits every time.
    torch::set_num_threads(1);
  }

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    std::vector<Outcome> outcomes;
    for (const Trial& trial : pack) outcomes.push_back(run_one(trial, context));
    return outcomes;
  }

  std::string stack_key(const Trial& trial) const override { return isoflop::stack_key(trial); }

  std::vector<Outcome> run_stack(std::span<const Trial> trials,
                                 std::span<RunContext* const> contexts) override {
    std::vector<std::unique_ptr<TokenSource>> sources;
    std::vector<StackMember> members;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      sources.push_back(source_of(trials[i], *contexts[i]));
      members.push_back({&trials[i], sources.back().get(), contexts[i]});
    }
    const torch::Device device = open_device(contexts.front()->device, {});
    const auto stream = own_stream(device);
    return run_stacked(members, device);
  }

  void forget(const Trial& trial, const std::string& checkpoint_dir) override {
    if (!checkpoint_dir.empty()) CheckpointFolder(checkpoint_dir, trial).remove_own();
  }

 private:
  std::unique_ptr<TokenSource> source_of(const Trial& trial, const RunContext& context) const {
    validate(trial);
    auto source = make_token_source(trial, context.corpus_dir, read_manifest_);
    require_tokens(trial, *source);
    return source;
  }

  Outcome run_one(const Trial& trial, RunContext& context) {
    const auto source = source_of(trial, context);
    const torch::Device device = open_device(context.device, options_.place);
    const auto stream = own_stream(device);
    if (!ranks_) meet(device);
    RunContext own = context;
    own.peak_flops *= ranks_->world();
    if (!ranks_->is_first()) own.record_curve = [](auto) {};
    try {
      return or_out_of_memory([&] {
        return Training(trial, *source, own, device, ranks_.get(), training(device)).run();
      });
    } catch (const Error&) {
      throw;
    } catch (const std::exception&) {
      // A device that waited for a lost one fails in its own words.
      if (const auto gone = ranks_->gone()) throw failure("several processes: " + *gone);
      throw;
    }
  }

  void meet(torch::Device device) {
    const RanksOptions options{.timeout_seconds = options_.peer_timeout_seconds,
                               .nccl = device.is_cuda()};
    ranks_ = std::make_unique<Ranks>(options_.place, options);
  }

  TrainingOptions training(torch::Device device) const {
    TrainingOptions options;
    options.path = options_.plain_path ? TransformerPath::kPlain : TransformerPath::kFastest;
    options.parallel.sharded = options_.sharded;
    // The kernels make all gradients at once.
    options.parallel.sum.overlap = options_.plain_path || !device.is_cpu();
    options.parallel.sum.bucket = static_cast<std::int64_t>(options_.bucket_bytes);
    return options;
  }

  std::function<CorpusManifest(const std::string&)> read_manifest_;
  TransformerRunnerOptions options_;
  std::unique_ptr<Ranks> ranks_;
};

}  // namespace

std::unique_ptr<TrialRunner> make_transformer_runner(
    std::function<CorpusManifest(const std::string&)> read_manifest,
    const TransformerRunnerOptions& options) {
  return std::make_unique<TransformerRunner>(std::move(read_manifest), options);
}

bool has_torch() { return true; }

}  // namespace isoflop
