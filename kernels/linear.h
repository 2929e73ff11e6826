// y = W x for feature-major x, and its two gradients: the matrix products of a layer.
//
// W [out, in] row-major; x [in, columns], y [out, columns], rows `stride` apart.
#ifndef ISOFLOP_KERNELS_LINEAR_H_
#define ISOFLOP_KERNELS_LINEAR_H_

#include "kernels/gemm.h"

namespace isoflop {

struct LinearShape {
  std::int64_t out, in, columns, stride;
};

namespace ISOFLOP_ISA {

// y = W x, or y += W x
inline void linear(const LinearShape& s, const float* weight, const float* x, float* y,
                   bool accumulate = false) {
  gemm(s.out, s.columns, s.in, {weight, s.in, 1}, {x, s.stride, 1}, y, s.stride, accumulate);
}

// d_x = W^T d_y, or d_x += W^T d_y
inline void linear_d_input(const LinearShape& s, const float* weight, const float* d_y, float* d_x,
                           bool accumulate = false) {
  gemm(s.in, s.columns, s.out, {weight, 1, s.in}, {d_y, s.stride, 1}, d_x, s.stride, accumulate);
}

// d_W += d_y x^T
inline void linear_d_weight(const LinearShape& s, const float* x, const float* d_y,
                            float* d_weight) {
  gemm(s.out, s.in, s.columns, {d_y, s.stride, 1}, {x, 1, s.stride}, d_weight, s.in, true);
}

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_LINEAR_H_
