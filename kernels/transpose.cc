#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

inline void transpose_4x4(const float* source, std::int64_t source_row, float* target,
                          std::int64_t target_row) {
  Quad rows[4] = {load<Quad>(source), load<Quad>(source + source_row),
                  load<Quad>(source + 2 * source_row), load<Quad>(source + 3 * source_row)};
  transpose_quads(rows);
  for (int i = 0; i < 4; ++i) store<Quad>(target + i * target_row, rows[i]);
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
