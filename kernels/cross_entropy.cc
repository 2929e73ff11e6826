#include "kernels/cross_entropy.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// For the n vectors of columns from t on: logits become e^(z - max); keeps the largest logit and
// the sum.
template <int n>
void exponentials(const CrossEntropyShape& shape, std::int64_t t, float* logits, float* largest,
                  float* sums) {
  Vec most[n], sum[n] = {};
  for (int v = 0; v < n; ++v) most[v] = load(logits + t + v * kLanes);
  for (std::int64_t row = 1; row < shape.vocab; ++row) {
    for (int v = 0; v < n; ++v) {
      most[v] = larger(load(logits + row * shape.stride + t + v * kLanes), most[v]);
    }
  }
  for (std::int64_t row = 0; row < shape.vocab; ++row) {
    for (int v = 0; v < n; ++v) {
      float* at = logits + row * shape.stride + t + v * kLanes;
      const Vec power = exponential(load(at) - most[v]);
      sum[v] += power;
      store(at, power);
    }
  }
  for (int v = 0; v < n; ++v) {
    store(largest + v * kLanes, most[v]);
    store(sums + t + v * kLanes, sum[v]);
  }
}

}  // namespace

void cross_entropy(const CrossEntropyShape& shape, float* logits, const std::int32_t* targets,
                   float* losses, float* sums) {
  for_each_stretch(shape.columns, [&](std::int64_t first, auto vectors) {
    constexpr int n = decltype(vectors)::value;
    float largest[n * kLanes];
    for (std::int64_t t = first; t < first + n * kLanes; ++t) {
      losses[t] = targets[t] < 0 ? 0.0f : logits[targets[t] * shape.stride + t];
    }
    exponentials<n>(shape, first, logits, largest, sums);
    for (std::int64_t t = first; t < first + n * kLanes; ++t) {
      if (targets[t] < 0) continue;
      losses[t] = __builtin_logf(sums[t]) + (largest[t - first] - losses[t]);
      logits[targets[t] * shape.stride + t] -= sums[t];
    }
  });
}

}  // namespace isoflop::ISOFLOP_ISA
