// The residual addition and the norm after it as one operation of autograd: see model/cuda/norm.h
// for the formulas. On devices the kernels, elsewhere LibTorch's operators with the same result to
// rounding.
//
// x [..., d] and the sum are the residual stream: float32 (float64 on the CPU), as gain and bias
// [d]. y [..., d] and what is normed are of `type`, x's or bfloat16. y may be undefined: nothing is
// added. bias undefined: RMSNorm, else LayerNorm.
#ifndef ISOFLOP_MODEL_CUDA_ADD_NORM_H_
#define ISOFLOP_MODEL_CUDA_ADD_NORM_H_

#include "model/torch_headers.h"

namespace isoflop {

struct AddedAndNormed {
  torch::Tensor sum, normed;
};

AddedAndNormed add_norm(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& gain,
                        const torch::Tensor& bias, double epsilon, torch::ScalarType type);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_ADD_NORM_H_
