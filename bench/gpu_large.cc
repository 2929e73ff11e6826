// One large dense model on one device: seconds a step, and the share of the device's peak that they
// are.
//
//   bench_gpu_large [--device cuda] [--dtype bfloat16] [--layers 12 --width 768 --heads 12]
//                   [--context 1024] [--vocab 50304] [--batch 512] [--micro-batch 64] [--steps 20]
//                   [--sheet H200] [--product 8192]
//
// The default is GPT-2 small (124M parameters) at 524,288 tokens a step. Tokens are Zipf facts over
// the whole vocabulary, so that no corpus is needed; what they are does not matter to the time.
//
// MFU = FLOPs of a step / its seconds / peak, for two counts of FLOPs (core/flops.h: "exact" and
// "6nd") and two peaks: the maker's (core/device_peak.h, of
// --sheet) and the best of ten products of 8192 x 8192 random matrices in the same type, measured
// in the same run. Seconds are the median of the steps after the first ten, of the training loop as
// `isoflop train` runs it, data included.
//
// Prints one JSON object.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "core/device_peak.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "model/torch_headers.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

using Flags = std::map<std::string, std::string>;

Flags parse_flags(int argc, char** argv) {
  Flags flags{{"device", "cuda"},    {"dtype", "bfloat16"}, {"layers", "12"},    {"width", "768"},
              {"heads", "12"},       {"context", "1024"},   {"vocab", "50304"},  {"batch", "512"},
              {"micro-batch", "64"}, {"steps", "20"},       {"product", "8192"}, {"sheet", "H200"}};
  for (int i = 1; i < argc; i += 2) {
    const std::string given = argv[i], name = given.rfind("--", 0) == 0 ? given.substr(2) : "";
    if (!flags.contains(name) || i + 1 == argc) {
      throw usage_error("bench_gpu_large: " + given +
                        ": is not known or has no value: see the head of bench/gpu_large.cc");
    }
    flags[name] = argv[i + 1];
  }
  return flags;
}

std::int64_t whole(const Flags& flags, const char* name) {
  return static_cast<std::int64_t>(parse_quantity(flags.at(name), std::string("--") + name));
}

Trial trial_of(const Flags& flags) {
  constexpr std::int64_t kDigits = 16;
  const std::int64_t width = whole(flags, "width"), heads = whole(flags, "heads");
  Trial trial;
  trial.model = {.vocab = whole(flags, "vocab"),
                 .context = whole(flags, "context"),
                 .layers = whole(flags, "layers"),
                 .width = width,
                 .heads = heads,
                 .head_size = width / heads,
                 .hidden = 4 * width,
                 .rotary_base = 10000};
  trial.data = {
      .source = "zipf", .zipf_base = kDigits, .zipf_alphabet = trial.model.vocab - kDigits};
  trial.train.batch = whole(flags, "batch");
  trial.train.dtype = flags.at("dtype");
  trial.train.rate = 6e-4;
  trial.train.tokens =
      static_cast<double>(whole(flags, "steps") * trial.train.batch * trial.model.context);
  trial.eval_windows = 2;
  return trial;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void wait_for(torch::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());  // -1: the current one
}

// FLOP/s of the best of ten products of n x n matrices.
double measured_peak(torch::Device device, torch::ScalarType type, std::int64_t n) {
  torch::InferenceMode inference;
  const auto a = torch::randn({n, n}, device).to(type), b = torch::randn({n, n}, device).to(type);
  auto c = torch::mm(a, b);
  double best = 1e30;
  for (int i = 0; i < 10; ++i) {
    wait_for(device);
    const Stopwatch watch;
    torch::mm_out(c, a, b);
    wait_for(device);
    best = std::min(best, watch.seconds());
  }
  const auto size = static_cast<double>(n);
  return 2 * size * size * size / best;
}

struct Timing {
  double seconds = 0;  // of a step
  double loss = 0;     // the last
};

Timing time_steps(const Trial& trial, const Flags& flags) {
  constexpr std::int64_t kWarmUp = 10;
  const auto runner = make_transformer_runner([](const std::string&) { return CorpusManifest{}; });
  std::vector<double> steps;
  CurvePoint last;
  Timing timing;
  RunContext context{.device = flags.at("device")};
  context.micro_batch = whole(flags, "micro-batch");
  context.record_curve = [&](std::span<const CurvePoint> points) {
    for (const CurvePoint& point : points) {
      if (last.step >= kWarmUp && point.step == last.step + 1) {
        steps.push_back(point.seconds - last.seconds);
      }
      last = point;
      timing.loss = point.train_loss;
    }
  };
  const auto outcomes = runner->run({&trial, 1}, context);
  if (outcomes.at(0).status != OutcomeStatus::kDone) {
    throw failure("bench_gpu_large: the run did not end: " + outcomes.at(0).reason);
  }
  for (const std::string& note : outcomes[0].notes) std::fprintf(stderr, "%s\n", note.c_str());
  timing.seconds = median(steps);
  if (timing.seconds <= 0) throw failure("bench_gpu_large: --steps: give at least 12");
  return timing;
}

int print_measurement(const Flags& flags) {
  const Trial trial = trial_of(flags);
  const torch::Device device(flags.at("device"));
  if (device.is_cuda() && !torch::cuda::is_available()) {
    throw failure("bench_gpu_large: --device cuda: no CUDA device can be used here");
  }
  const auto type = trial.train.dtype == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
  // Before, while the device's memory and its random numbers are untouched.
  const double matmul = measured_peak(device, type, whole(flags, "product"));
  const Timing timing = time_steps(trial, flags);
  const double tokens = static_cast<double>(trial.train.batch * trial.model.context);
  std::printf(
      "{\"shape\": \"%s\", \"params\": %.0f, \"tokens_a_step\": %.0f, \"dtype\": \"%s\", "
      "\"seconds_a_step\": %.6g, \"tokens_per_second\": %.6g, \"loss\": %.6g, "
      "\"matmul_flops\": %.6g",
      shape_name(trial.model).c_str(), params_of(trial), tokens, trial.train.dtype.c_str(),
      timing.seconds, tokens / timing.seconds, timing.loss, matmul);
  for (const FlopConvention convention : {FlopConvention::kExact, FlopConvention::k6nd}) {
    const double rate = flops_per_token(trial, convention) * tokens / timing.seconds;
    const std::string name(name_of(convention));
    std::printf(", \"flops_%s\": %.6g, \"mfu_of_matmul_%s\": %.4f", name.c_str(), rate,
                name.c_str(), rate / matmul);
    if (device.is_cuda()) {
      const Device sheet = require_device(flags.at("sheet"), "--sheet");
      std::printf(", \"mfu_of_sheet_%s\": %.4f", name.c_str(),
                  rate / peak_of(sheet, trial.train.dtype));
    }
  }
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  try {
    return isoflop::print_measurement(isoflop::parse_flags(argc, argv));
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "%s\n", error.what_without_backtrace());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
