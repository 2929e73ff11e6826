#include "kernels/norm.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// The n vectors of tokens from t on, all features.
template <int n>
void normalise(const NormShape& shape, std::int64_t t, const float* x, float* unit,
               float* inverse) {
  const float share = 1.0f / static_cast<float>(shape.features);
  Vec centre[n] = {}, squares[n] = {};
  if (shape.centred) {
    for (std::int64_t f = 0; f < shape.features; ++f) {
      for (int v = 0; v < n; ++v) centre[v] += load(x + f * shape.stride + t + v * kLanes);
    }
    for (int v = 0; v < n; ++v) centre[v] *= share;
  }
  for (std::int64_t f = 0; f < shape.features; ++f) {
    for (int v = 0; v < n; ++v) {
      const Vec value = load(x + f * shape.stride + t + v * kLanes) - centre[v];
      squares[v] += value * value;
    }
  }
  Vec scale[n];
  for (int v = 0; v < n; ++v) {
    scale[v] = inverse_square_root(squares[v] * share + shape.epsilon);
    store(inverse + t + v * kLanes, scale[v]);
  }
  for (std::int64_t f = 0; f < shape.features; ++f) {
    for (int v = 0; v < n; ++v) {
      const std::int64_t at = f * shape.stride + t + v * kLanes;
      store(unit + at, (load(x + at) - centre[v]) * scale[v]);
    }
  }
}

template <int n>
void normalise_backward(const NormShape& shape, std::int64_t t, const float* d_out,
                        const float* unit, const float* inverse, const float* gain, float* d_x,
                        bool accumulate) {
  const float share = 1.0f / static_cast<float>(shape.features);
  Vec along[n] = {}, mean[n] = {};
  for (std::int64_t f = 0; f < shape.features; ++f) {
    for (int v = 0; v < n; ++v) {
      const std::int64_t at = f * shape.stride + t + v * kLanes;
      const Vec g = load(d_out + at) * gain[f];
      along[v] += g * load(unit + at);
      mean[v] += g;
    }
  }
  for (int v = 0; v < n; ++v) {
    along[v] *= share;
    mean[v] *= shape.centred ? share : 0.0f;
  }
  for (std::int64_t f = 0; f < shape.features; ++f) {
    for (int v = 0; v < n; ++v) {
      const std::int64_t at = f * shape.stride + t + v * kLanes;
      const Vec g = load(d_out + at) * gain[f] - mean[v];
      const Vec d = load(inverse + t + v * kLanes) * (g - load(unit + at) * along[v]);
      store(d_x + at, accumulate ? load(d_x + at) + d : d);
    }
  }
}

}  // namespace

void norm_forward(const NormShape& shape, const float* x, const float* gain, const float* bias,
                  float* unit, float* inverse, float* out) {
  for_each_stretch(shape.columns, [&](std::int64_t t, auto vectors) {
    constexpr int n = decltype(vectors)::value;
    normalise<n>(shape, t, x, unit, inverse);
    for (std::int64_t f = 0; f < shape.features; ++f) {
      const float shift = bias != nullptr ? bias[f] : 0.0f;
      for (int v = 0; v < n; ++v) {
        const std::int64_t at = f * shape.stride + t + v * kLanes;
        store(out + at, load(unit + at) * gain[f] + shift);
      }
    }
  });
}

void norm_backward(const NormShape& shape, const float* d_out, const float* unit,
                   const float* inverse, const float* gain, float* d_gain, float* d_bias,
                   float* d_x, bool accumulate) {
  for (std::int64_t f = 0; f < shape.features; ++f) {
    Vec along{}, sum{};
    for (std::int64_t t = 0; t < shape.columns; t += kLanes) {
      const Vec d = load(d_out + f * shape.stride + t);
      along += d * load(unit + f * shape.stride + t);
      sum += d;
    }
    d_gain[f] += sum_of(along);
    if (d_bias != nullptr) d_bias[f] += sum_of(sum);
  }
  for_each_stretch(shape.columns, [&](std::int64_t t, auto vectors) {
    normalise_backward<decltype(vectors)::value>(shape, t, d_out, unit, inverse, gain, d_x,
                                                 accumulate);
  });
}

}  // namespace isoflop::ISOFLOP_ISA
