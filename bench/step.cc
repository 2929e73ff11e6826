// Speed of the kernels alone: forward and backward of small decoders on one core, without optimizer
// and data. GFLOP/s count the `exact` convention of core/flops.h and the thread's CPU time, the
// best step of each row.
//
//   bench_step [seconds per row] [instruction set]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <vector>

#include "core/flops.h"
#include "core/stopwatch.h"
#include "kernels/peak.h"
#include "kernels/transformer_pass.h"

namespace {

using namespace isoflop;

// Every parameter in one stretch of memory, in any order.
template <class Float>
struct Tensors {
  std::vector<BlockTensors<Float>> blocks;
  TransformerTensors<Float> all{};

  Tensors(const ModelConfig& c, Float* memory) : blocks(static_cast<size_t>(c.layers)) {
    const auto take = [&](std::int64_t count) {
      Float* here = memory;
      memory += count;
      return here;
    };
    const std::int64_t d = c.width, mixed = c.heads * c.head_size;
    all.embedding = all.head = take(c.vocab * d);
    for (auto& block : blocks) {
      block = {.attention_norm = take(d),
               .attention_norm_bias = nullptr,
               .qkv = take(3 * mixed * d),
               .qk_gain = take(2 * c.head_size),
               .attention_out = take(d * mixed),
               .feed_forward_norm = take(d),
               .feed_forward_norm_bias = nullptr,
               .feed_forward_in = take(c.hidden * d),
               .feed_forward_out = take(d * c.hidden)};
    }
    all.final_norm = take(d);
    all.blocks = blocks.data();
  }
};

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double gflops(const ModelConfig& config, std::int64_t batch, double seconds, const Kernels& kernels,
              FlopConvention convention) {
  const auto count = static_cast<size_t>(count_params(config).total());
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.1f);
  std::vector<float> weights(count), gradients(count);
  for (float& weight : weights) weight = normal(random);
  std::vector<std::int32_t> windows(static_cast<size_t>(batch * (config.context + 1)));
  for (auto& token : windows) token = static_cast<std::int32_t>(random() % config.vocab);
  const TokenBatch tokens = next_token_batch(windows, config.context);
  const Tensors<const float> w(config, weights.data());
  const Tensors<float> d_w(config, gradients.data());
  TransformerPass pass(config, kernels);
  pass.add_gradients(w.all, d_w.all, tokens, 1.0);
  const Stopwatch watch;
  double best = 1e30;
  while (watch.seconds() < seconds) {
    const double start = cpu_seconds();
    pass.add_gradients(w.all, d_w.all, tokens, 1.0);
    best = std::min(best, cpu_seconds() - start);
  }
  return train_flops_per_token(config, convention) * static_cast<double>(batch * config.context) /
         best * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  const Kernels* kernels = &best_kernels();
  for (const Kernels& other : usable_kernels()) {
    if (argc > 2 && std::strcmp(other.name, argv[2]) == 0) kernels = &other;
  }
  std::printf("%s, peak %.1f GFLOP/s\n", kernels->name,
              measured_peak(*kernels).flops_per_second * 1e-9);
  std::printf("width layers heads  batch 1  batch 2  batch 8 (exact)  batch 8 (6nd)\n");
  for (const std::int64_t width : {16, 32, 64, 128}) {
    const ModelConfig config{.layers = width < 64 ? 2 : width / 32,
                             .width = width,
                             .heads = width / 16,
                             .head_size = 16,
                             .hidden = 4 * width};
    const auto measured = [&](std::int64_t batch, FlopConvention convention) {
      return gflops(config, batch, seconds, *kernels, convention);
    };
    std::printf("%5ld %6ld %5ld %8.1f %8.1f %16.1f %14.1f\n", width, config.layers, config.heads,
                measured(1, FlopConvention::kExact), measured(2, FlopConvention::kExact),
                measured(8, FlopConvention::kExact), measured(8, FlopConvention::k6nd));
  }
}
