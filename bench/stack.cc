// A stack of K trials beside the same trials one after the other, on one core of this machine:
// whole steps (forward, backward, clipping, AdamW) without data.
//
//   bench_stack [seconds per row]
//
// "kernels" is what the CPU trains with (kernels/), "operators" LibTorch's, as a device has them.
// A stack saves launches; a core has none to save.
#include <ATen/Parallel.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/stopwatch.h"
#include "model/stacked_transformer.h"
#include "trainer/adamw.h"
#include "trainer/stacked_adamw.h"

namespace {

using namespace isoflop;

constexpr std::int64_t kBatch = 4;

ModelConfig bench_shape(std::int64_t width) {
  return {.width = width, .heads = width / 16, .head_size = 16, .hidden = 4 * width};
}

// The best of the steps that fit into `seconds`, ms; the first is not counted.
double best_step(double seconds, const std::function<void()>& step) {
  step();
  double best = 1e30;
  const Stopwatch whole;
  while (whole.seconds() < seconds) {
    const Stopwatch watch;
    step();
    best = std::min(best, watch.seconds());
  }
  return 1e3 * best;
}

double alone(const ModelConfig& config, std::int64_t trials, TransformerPath path, double seconds) {
  TokenBatch batch{.sequences = kBatch, .length = config.context};
  batch.inputs.assign(static_cast<std::size_t>(kBatch * config.context), 1);
  batch.targets = batch.inputs;
  std::vector<Transformer> models;
  std::vector<AdamW> optimizers;
  for (std::int64_t k = 0; k < trials; ++k) {
    models.emplace_back(config, static_cast<std::uint64_t>(k), path);
    optimizers.emplace_back(models.back()->groups(), TrainSpec());
  }
  return best_step(seconds, [&] {
    for (std::size_t k = 0; k < models.size(); ++k) {
      optimizers[k].zero_gradients();
      models[k]->add_gradients(batch, 1);
      optimizers[k].clip_gradients(1);
      optimizers[k].step(1e-3);
    }
  });
}

double stacked(const ModelConfig& config, std::int64_t trials, double seconds) {
  std::vector<std::int64_t> seeds;
  for (std::int64_t k = 0; k < trials; ++k) seeds.push_back(k);
  StackedTransformer model(config, seeds, torch::kCPU);
  const std::vector<TrainSpec> specs(seeds.size());
  StackedAdamW optimizer(model.weights(), model.gradients(), model.layout(), specs);
  const auto tokens = torch::ones({trials, kBatch, config.context}, torch::kInt64);
  const std::vector<double> rates(seeds.size(), 1e-3);
  return best_step(seconds, [&] {
    optimizer.zero_gradients();
    model.add_gradients(tokens, tokens, 1);
    optimizer.clip_gradients();
    optimizer.set_rates(rates);
    optimizer.step();
  });
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  std::printf("ms a step of all K trials; ratio: one after the other / stacked\n");
  std::printf(
      "| width | K | kernels | operators | stacked | kernels / stacked | operators / stacked |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const std::int64_t width : {16, 32, 64}) {
    const ModelConfig config = bench_shape(width);
    for (const std::int64_t trials : {1, 4, 16}) {
      const double kernels = alone(config, trials, TransformerPath::kFastest, seconds);
      const double operators = alone(config, trials, TransformerPath::kPlain, seconds);
      const double stack = stacked(config, trials, seconds);
      std::printf("| %ld | %ld | %.2f | %.2f | %.2f | %.2f | %.2f |\n", static_cast<long>(width),
                  static_cast<long>(trials), kernels, operators, stack, kernels / stack,
                  operators / stack);
    }
  }
}
