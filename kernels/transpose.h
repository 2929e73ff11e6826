// target[c, r] = source[r, c]: both row-major, any sizes. The two must not overlap.
#ifndef ISOFLOP_KERNELS_TRANSPOSE_H_
#define ISOFLOP_KERNELS_TRANSPOSE_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop::ISOFLOP_ISA {

void transpose(std::int64_t rows, std::int64_t columns, const float* source,
               std::int64_t source_row, float* target, std::int64_t target_row);

}  // namespace isoflop::ISOFLOP_ISA

#endif  // ISOFLOP_KERNELS_TRANSPOSE_H_
