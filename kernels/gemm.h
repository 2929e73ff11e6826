// C = A B, or C += A B: one routine for every matrix product of a decoder.
//
//   A [m, k] and B [k, n] have any strides, so that a transposed operand is the same call with its
//   strides swapped; C [m, n] has contiguous rows. Any sizes. C must not overlap A or B.
//
// The product is made in tiles of C that stay in registers for all of k (6 rows x 2
// vectors); B is copied into a contiguous panel only where its rows are not contiguous. Every
// element of C is one chain of (fused) multiply-adds in the order of k, whatever the tile it falls
// in, so that a row's result does not depend on the rows beside it.
#ifndef ISOFLOP_KERNELS_GEMM_H_
#define ISOFLOP_KERNELS_GEMM_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

// Element (i, j) is data[i * row + j * column].
struct MatrixView {
  const float* data;
  std::int64_t row, column;
};

namespace ISOFLOP_ISA {

void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView a, MatrixView b, float* c,
          std::int64_t c_row, bool accumulate);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_GEMM_H_
