// target[c, r] = source[r, c]: both row-major, any sizes. The two must not overlap.
#ifndef ISOFLOP_KERNELS_TRANSPOSE_H_
#define ISOFLOP_KERNELS_TRANSPOSE_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop::ISOFLOP_ISA {

using Quad = VecOf<4>::Floats;

// Four rows of four become their columns.
inline void transpose_quads(Quad (&rows)[4]) {
  const Quad ab_low = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5),
             ab_high = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7),
             cd_low = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5),
             cd_high = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

void transpose(std::int64_t rows, std::int64_t columns, const float* source,
               std::int64_t source_row, float* target, std::int64_t target_row);

}  // namespace isoflop::ISOFLOP_ISA

#endif  // ISOFLOP_KERNELS_TRANSPOSE_H_
