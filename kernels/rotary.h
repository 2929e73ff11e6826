// Rotary positions (Su et al. 2021): turns the pairs (i, i + k/2) of every head by an angle that
// grows with the position, and scales.
//
//   out_i       = scale (in_i cos - in_{i+k/2} sin)
//   out_{i+k/2} = scale (in_i sin + in_{i+k/2} cos),     cos, sin of t base^(-2 i / k)
//
// The gradient is the same turn backwards: direction -1. Without tables (null) it only scales.
//
// in, out: [heads k, columns], feature-major, rows `stride` apart; they may be the same. cos, sin:
// [k/2, columns], rows `stride` apart. k is even where there are tables.
#ifndef ISOFLOP_KERNELS_ROTARY_H_
#define ISOFLOP_KERNELS_ROTARY_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct RotaryShape {
  std::int64_t heads, head_size, columns, stride;
  float scale = 1;
  float direction = 1;  // -1: backwards
};

namespace ISOFLOP_ISA {

void rotate(const RotaryShape& shape, const float* in, const float* cos, const float* sin,
            float* out);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_ROTARY_H_
