#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

using Quad = VecOf<4>::Floats;

inline void transpose_4x4(const float* source, std::int64_t source_row, float* target,
                          std::int64_t target_row) {
  const Quad a = load<Quad>(source), b = load<Quad>(source + source_row),
             c = load<Quad>(source + 2 * source_row), d = load<Quad>(source + 3 * source_row);
  const Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
             cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store<Quad>(target, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store<Quad>(target + target_row, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store<Quad>(target + 2 * target_row, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store<Quad>(target + 3 * target_row, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

}  // namespace

void transpose(std::int64_t rows, std::int64_t columns, const float* source,
               std::int64_t source_row, float* target, std::int64_t target_row) {
  const std::int64_t whole_rows = rows - rows % 4, whole_columns = columns - columns % 4;
  for (std::int64_t r = 0; r < whole_rows; r += 4) {
    for (std::int64_t c = 0; c < whole_columns; c += 4) {
      transpose_4x4(source + r * source_row + c, source_row, target + c * target_row + r,
                    target_row);
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) {
      target[c * target_row + r] = source[r * source_row + c];
    }
  }
}

}  // namespace isoflop::ISOFLOP_ISA
