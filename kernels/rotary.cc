#include "kernels/rotary.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

void scale_rows(const RotaryShape& shape, const float* in, float* out) {
  for (std::int64_t row = 0; row < shape.heads * shape.head_size; ++row) {
    for (std::int64_t t = 0; t < shape.columns; t += kLanes) {
      store(out + row * shape.stride + t, load(in + row * shape.stride + t) * shape.scale);
    }
  }
}

void rotate_pair(const RotaryShape& shape, const float* in, const float* cos, const float* sin,
                 float* out) {
  const std::int64_t partner = shape.head_size / 2 * shape.stride;
  for (std::int64_t t = 0; t < shape.columns; t += kLanes) {
    const Vec c = load(cos + t) * shape.scale;
    const Vec s = load(sin + t) * (shape.scale * shape.direction);
    const Vec first = load(in + t), second = load(in + partner + t);
    store(out + t, first * c - second * s);
    store(out + partner + t, first * s + second * c);
  }
}

}  // namespace

void rotate(const RotaryShape& shape, const float* in, const float* cos, const float* sin,
            float* out) {
  if (cos == nullptr) return scale_rows(shape, in, out);
  for (std::int64_t head = 0; head < shape.heads; ++head) {
    for (std::int64_t i = 0; i < shape.head_size / 2; ++i) {
      const std::int64_t row = (head * shape.head_size + i) * shape.stride;
      rotate_pair(shape, in + row, cos + i * shape.stride, sin + i * shape.stride, out + row);
    }
  }
}

}  // namespace isoflop::ISOFLOP_ISA
