#include "kernels/activation.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

constexpr float kTwiceRootTwoOverPi = 1.5957691216f;
constexpr float kCubic = 0.044715f;

// body(offset) for every vector of the rows.
template <class Body>
inline void for_each_vector(const RowsShape& shape, const Body& body) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t t = 0; t < shape.columns; t += kLanes) body(row * shape.stride + t);
  }
}

inline Vec logistic(Vec z) { return 1 / (1 + exponential(-z)); }

}  // namespace

void gelu(const RowsShape& shape, float* u, float* out) {
  for_each_vector(shape, [&](std::int64_t at) {
    const Vec x = load(u + at), square = x * x;
    const Vec s = logistic(kTwiceRootTwoOverPi * x * (1 + kCubic * square));
    const Vec value = x * s;
    const Vec inner_slope = kTwiceRootTwoOverPi * (1 + 3 * kCubic * square);
    store(out + at, value);
    store(u + at, s + value * (1 - s) * inner_slope);
  });
}

void swiglu(const RowsShape& shape, float* gate, float* up, float* out) {
  for_each_vector(shape, [&](std::int64_t at) {
    const Vec x = load(gate + at), y = load(up + at);
    const Vec s = logistic(x);
    const Vec silu = x * s;
    store(out + at, silu * y);
    store(gate + at, y * (s + silu * (1 - s)));
    store(up + at, silu);
  });
}

void multiply(const RowsShape& shape, const float* a, const float* b, float* out) {
  for_each_vector(shape, [&](std::int64_t at) { store(out + at, load(a + at) * load(b + at)); });
}

}  // namespace isoflop::ISOFLOP_ISA
