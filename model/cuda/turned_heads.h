// q, k and v as attention wants them, QK-norm and rotary positions applied, as one operation of
// autograd: see model/cuda/heads.h for the formulas. On devices the kernels, elsewhere LibTorch's
// operators with the same result to rounding.
//
// The results are views with one head's values side by side and no copy of v, in the layout that
// flash attention reads and writes.
#ifndef ISOFLOP_MODEL_CUDA_TURNED_HEADS_H_
#define ISOFLOP_MODEL_CUDA_TURNED_HEADS_H_

#include "model/torch_headers.h"

namespace isoflop {

struct HeadTables {
  torch::Tensor gain;      // float32 of 2 k values, or undefined: no QK-norm
  torch::Tensor cos, sin;  // float32 [T, k], or undefined: no rotary positions
  double epsilon = 0;
};

struct Heads {
  torch::Tensor q, k, v;  // [B, h, T, k]
};

// qkv [B, T, 3, h, k] float32 or bfloat16 (float64 on the CPU).
Heads turned_heads(const torch::Tensor& qkv, const HeadTables& tables);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_TURNED_HEADS_H_
