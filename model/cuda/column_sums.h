// Sums of the columns of a matrix, in a fixed order: the second half of sums over many rows. For
// .cu files only.
#ifndef ISOFLOP_MODEL_CUDA_COLUMN_SUMS_H_
#define ISOFLOP_MODEL_CUDA_COLUMN_SUMS_H_

#include "model/cuda/block.h"

namespace isoflop {

inline constexpr int kColumnsABlock = 32;
inline constexpr int kRowsABlock = 16;

// blockIdx.y: one of several matrices, one after the other in `values` and in `sums`.
static __global__ void column_sums_kernel(const float* values, float* sums, std::int64_t rows,
                                          std::int64_t width) {
  __shared__ float partial[kRowsABlock][kColumnsABlock];
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kColumnsABlock + threadIdx.x;
  const float* matrix = values + static_cast<std::int64_t>(blockIdx.y) * rows * width;
  float sum = 0;
  if (column < width) {
    for (std::int64_t row = threadIdx.y; row < rows; row += kRowsABlock) {
      sum += matrix[row * width + column];
    }
  }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= width) return;
  for (int row = 1; row < kRowsABlock; ++row) sum += partial[row][threadIdx.x];
  sums[static_cast<std::int64_t>(blockIdx.y) * width + column] = sum;
}

// values [matrices, rows, width] -> sums [matrices, width]
inline void column_sums(const float* values, float* sums, std::int64_t matrices, std::int64_t rows,
                        std::int64_t width, GpuStream stream) {
  const dim3 grid(static_cast<unsigned>(divide_up(width, kColumnsABlock)),
                  static_cast<unsigned>(matrices));
  launch("column_sums", column_sums_kernel, grid, dim3(kColumnsABlock, kRowsABlock), stream, values,
         sums, rows, width);
}

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_COLUMN_SUMS_H_
