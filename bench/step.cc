// Speed of the kernels alone: forward and backward of small transformers on one core, without
// optimizer and data. GFLOP/s count the `exact` convention of core/flops.h and the thread's CPU
// time, the best step of each row.
//
//   bench_step [seconds per number] [instruction set]
//
// The second table has masked and sparse models beside the causal dense one of the same shape; a
// token passes through as much feed-forward in all of them. Its numbers are taken in turns, so that
// what else the machine does falls on all.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <numeric>
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
    const std::int64_t experts = c.sparse() ? c.experts : 1;
    const std::int64_t hidden = c.sparse() ? c.expert_width() : c.hidden;
    const std::int64_t shared = c.sparse() ? c.shared_experts * hidden : 0;
    all.embedding = all.head = take(c.vocab * d);
    for (auto& block : blocks) {
      block = {.attention_norm = take(d),
               .attention_norm_bias = nullptr,
               .qkv = take(3 * mixed * d),
               .qk_gain = take(2 * c.head_size),
               .attention_out = take(d * mixed),
               .feed_forward_norm = take(d),
               .feed_forward_norm_bias = nullptr,
               .feed_forward_in = take(experts * hidden * d),
               .feed_forward_out = take(experts * d * hidden),
               .router = take(c.experts * d),
               .shared_in = take(shared * d),
               .shared_out = take(d * shared)};
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

// One model, its batch and the best step so far.
class Step {
 public:
  Step(const ModelConfig& config, std::int64_t batch, const Kernels& kernels)
      : config_(config),
        weights_(static_cast<size_t>(count_params(config).total())),
        gradients_(weights_.size()),
        pass_(config, kernels) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0.0f, 0.1f);
    for (float& weight : weights_) weight = normal(random);
    std::vector<std::int32_t> windows(static_cast<size_t>(batch * (config.context + 1)));
    for (auto& token : windows) token = static_cast<std::int32_t>(random() % config.vocab);
    tokens_ = next_token_batch(windows, config.context);
    if (config.masked()) leave_predictions(random);
    once();
  }

  void run(double seconds) {
    const Stopwatch watch;
    while (watch.seconds() < seconds) best_ = std::min(best_, once());
  }
  double gflops(FlopConvention convention) const {
    return train_flops_per_token(config_, convention) *
           static_cast<double>(tokens_.targets.size()) / best_ * 1e-9;
  }

 private:
  double once() {
    const Tensors<const float> weights(config_, weights_.data());
    const Tensors<float> gradients(config_, gradients_.data());
    const double start = cpu_seconds();
    pass_.add_gradients(weights.all, gradients.all, tokens_, 1.0, {.balance = 0.01, .z = 0.001});
    return cpu_seconds() - start;
  }
  void leave_predictions(std::mt19937& random) {
    for (std::int64_t from = 0; from < tokens_.sequences * tokens_.length; from += tokens_.length) {
      std::vector<std::int32_t> window(tokens_.targets.begin() + from,
                                       tokens_.targets.begin() + from + tokens_.length);
      std::vector<std::size_t> order(window.size());
      std::iota(order.begin(), order.end(), 0);
      std::shuffle(order.begin(), order.end(), random);
      order.resize(order.size() - static_cast<size_t>(predictions_per_window(config_)));
      for (const std::size_t t : order) tokens_.targets[static_cast<size_t>(from) + t] = -1;
    }
  }

  ModelConfig config_;
  std::vector<float> weights_, gradients_;
  TransformerPass pass_;
  TokenBatch tokens_;
  double best_ = 1e30;
};

ModelConfig shape_of(std::int64_t width) {
  return {.layers = width < 64 ? 2 : width / 32,
          .width = width,
          .heads = width / 16,
          .head_size = 16,
          .hidden = 4 * width};
}

void print_dense(double seconds, const Kernels& kernels) {
  std::printf("width layers heads  batch 1  batch 2  batch 8 (exact)  batch 8 (6nd)\n");
  for (const std::int64_t width : {16, 32, 64, 128}) {
    const ModelConfig config = shape_of(width);
    std::vector<Step> steps;
    for (const std::int64_t batch : {1, 2, 8}) {
      steps.emplace_back(config, batch, kernels);
      steps.back().run(seconds);
    }
    std::printf("%5ld %6ld %5ld %8.1f %8.1f %16.1f %14.1f\n", width, config.layers, config.heads,
                steps[0].gflops(FlopConvention::kExact), steps[1].gflops(FlopConvention::kExact),
                steps[2].gflops(FlopConvention::kExact), steps[2].gflops(FlopConvention::k6nd));
  }
}

// Causal; masked; Switch with 8 experts; the best 2 of 16, half as wide; the best 6 of 32 and 2
// shared ones, an eighth as wide; Switch with 8 experts of limited capacity.
std::vector<ModelConfig> kinds(const ModelConfig& dense) {
  std::vector<ModelConfig> all(6, dense);
  all[1].objective = Objective::kMasked;
  all[2].experts = all[5].experts = 8;
  all[5].capacity_factor = 1.25;
  all[3].experts = 16;
  all[3].experts_per_token = all[3].granularity = 2;
  all[4].experts = 32;
  all[4].experts_per_token = 6;
  all[4].shared_experts = 2;
  all[4].granularity = 8;
  all[3].router = all[4].router = Router::kTopK;
  return all;
}

void print_kinds(double seconds, const Kernels& kernels) {
  std::printf("\nGFLOP/s (exact)\n");
  std::printf("width batch  causal  masked  e8k1  e16k2g2  e32k6g8s2  e8k1, capacity 1.25\n");
  for (const std::int64_t width : {16, 32, 64, 128}) {
    for (const std::int64_t batch : {2, 8, 16}) {
      std::vector<Step> steps;
      for (const ModelConfig& config : kinds(shape_of(width))) {
        steps.emplace_back(config, batch, kernels);
      }
      for (int turn = 0; turn < 10; ++turn) {
        for (Step& step : steps) step.run(seconds / 10);
      }
      const auto found = [&](std::size_t kind) {
        return steps[kind].gflops(FlopConvention::kExact);
      };
      std::printf("%5ld %5ld %7.1f %7.1f %5.1f %8.1f %10.1f %20.1f\n", width, batch, found(0),
                  found(1), found(2), found(3), found(4), found(5));
    }
  }
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
  print_dense(seconds, *kernels);
  print_kinds(seconds, *kernels);
}
