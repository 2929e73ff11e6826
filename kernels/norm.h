// RMSNorm and LayerNorm over the features of each token.
//
//   unit_i = (x_i - c) r,   out_i = unit_i gain_i + bias_i
//   c = mean(x) if centred (LayerNorm), else 0;  r = 1 / sqrt(mean((x - c)^2) + epsilon)
//
// Backward, with g_i = d_out_i gain_i:
//
//   d_x_i = r (g_i - unit_i mean(g unit) - [centred] mean(g))
//   d_gain_i += sum over tokens of d_out_i unit_i,   d_bias_i += sum over tokens of d_out_i
//
// x, unit, out: [features, columns], feature-major (see transformer.h), rows `stride` apart; `unit`
// may be x itself. inverse [columns] is r. bias and d_bias are null for RMSNorm.
#ifndef ISOFLOP_KERNELS_NORM_H_
#define ISOFLOP_KERNELS_NORM_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct NormShape {
  std::int64_t features, columns, stride;
  bool centred = false;
  float epsilon = 1e-6f;
};

namespace ISOFLOP_ISA {

void norm_forward(const NormShape& shape, const float* x, const float* gain, const float* bias,
                  float* unit, float* inverse, float* out);

// d_x is added to, or overwritten where `accumulate` is false; it must not be d_out.
void norm_backward(const NormShape& shape, const float* d_out, const float* unit,
                   const float* inverse, const float* gain, float* d_gain, float* d_bias,
                   float* d_x, bool accumulate);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_NORM_H_
