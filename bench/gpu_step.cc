// What each part of the GPU path is worth: seconds of a training step with and without CUDA graphs,
// model/cuda's fused operations and bfloat16, one left out at a time.
//
//   bench_gpu_step [--vocab 256] [--context 256] [--layers 4] [--width 256] [--heads 4] [--batch
//   32]
//                  [--steps 50]
//
// Prints one JSON object; the seconds are the median of the steps after the warm-up, of one
// micro-batch, clipping and AdamW, with the batch's way to the device and the losses' way back,
// without reading data. Without a device it refuses. Runs alike on the CPU (--device cpu), where it
// shows only that it runs: graphs and kernels are the device's.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/flops.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "trainer/own_stream.h"
#include "trainer/step_graph.h"
#include "trainer/step_runner.h"

namespace isoflop {
namespace {

using Words = std::map<std::string, std::string>;

struct Choice {
  const char* name;
  bool graphs, fused, low;
};

constexpr Choice kChoices[] = {{"all", true, true, true},
                               {"without_graphs", false, true, true},
                               {"without_fused", true, false, true},
                               {"without_bfloat16", true, true, false},
                               {"none", false, false, false}};

Words words_of(int argc, char** argv) {
  Words words{{"device", "cuda"}, {"vocab", "256"}, {"context", "256"}, {"layers", "4"},
              {"width", "256"},   {"heads", "4"},   {"batch", "32"},    {"steps", "50"}};
  for (int i = 1; i < argc; i += 2) {
    const std::string given = argv[i], name = given.rfind("--", 0) == 0 ? given.substr(2) : "";
    if (!words.contains(name) || i + 1 == argc) {
      throw usage_error("bench_gpu_step: " + given +
                        ": is not known or has no value: see the head of bench/gpu_step.cc");
    }
    words[name] = argv[i + 1];
  }
  for (const auto& [name, word] : words) {
    if (name != "device" && parse_quantity(word, "--" + name) < 1) {
      throw usage_error("bench_gpu_step: --" + name + ": " + word + ": must be at least 1");
    }
  }
  return words;
}

std::int64_t number(const Words& words, const char* name) {
  return static_cast<std::int64_t>(parse_quantity(words.at(name), std::string("--") + name));
}

ModelConfig model_of(const Words& words) {
  const std::int64_t width = number(words, "width"), heads = number(words, "heads");
  return {.vocab = number(words, "vocab"),
          .context = number(words, "context"),
          .layers = number(words, "layers"),
          .width = width,
          .heads = heads,
          .head_size = width / heads,
          .hidden = 4 * width};
}

TokenBatch random_batch(const ModelConfig& config, std::int64_t sequences) {
  std::mt19937 random(1);
  std::vector<std::int32_t> windows(static_cast<std::size_t>(sequences * (config.context + 1)));
  for (auto& token : windows) {
    token = static_cast<std::int32_t>(random() % static_cast<unsigned>(config.vocab));
  }
  return next_token_batch(windows, config.context);
}

double median_step(const Words& words, const Choice& choice, torch::Device device) {
  constexpr int kWarmUp = 10;
  const ModelConfig config = model_of(words);
  Transformer model(config, 1, choice.fused ? TransformerPath::kFused : TransformerPath::kPlain);
  model->to(device);
  if (choice.low) model->compute_in(torch::kBFloat16);
  AdamW optimizer(model->groups(), TrainSpec{});
  const auto steps =
      device_steps(*model, optimizer,
                   choice.graphs ? make_step_recorder(device) : std::make_unique<DirectSteps>());
  const TokenBatch batch = random_batch(config, number(words, "batch"));
  std::vector<double> seconds;
  for (std::int64_t step = 0; step < number(words, "steps") + kWarmUp; ++step) {
    const Stopwatch watch;
    steps->begin();
    steps->add(batch, 1.0);
    steps->update(1e-3);
    steps->result();
    if (step >= kWarmUp) seconds.push_back(watch.seconds());
  }
  if (!steps->note().empty()) std::fprintf(stderr, "%s: %s\n", choice.name, steps->note().c_str());
  std::sort(seconds.begin(), seconds.end());
  return seconds.at(seconds.size() / 2);
}

int print_steps(const Words& words) {
  const torch::Device device(words.at("device"));
  if (device.is_cuda() && !torch::cuda::is_available()) {
    throw failure(
        "bench_gpu_step: no CUDA device can be used here: run it where nvidia-smi shows "
        "one, in a build with preset cuda or device");
  }
  const auto stream = own_stream(device);  // the default one cannot be recorded
  const ModelConfig config = model_of(words);
  const auto tokens = static_cast<double>(number(words, "batch") * config.context);
  std::printf("{\"shape\": \"%s\", \"params\": %lld, \"tokens_a_step\": %.0f, \"seconds\": {",
              shape_name(config).c_str(), static_cast<long long>(count_params(config).total()),
              tokens);
  const char* comma = "";
  for (const Choice& choice : kChoices) {
    std::printf("%s\"%s\": %.6g", comma, choice.name, median_step(words, choice, device));
    std::fflush(stdout);
    comma = ", ";
  }
  std::printf("}}\n");
  return 0;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  try {
    return isoflop::print_steps(isoflop::words_of(argc, argv));
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "%s\n", error.what_without_backtrace());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
