// Between LibTorch's tensors and the kernels' pointers.
#ifndef ISOFLOP_MODEL_CUDA_KERNEL_TENSORS_H_
#define ISOFLOP_MODEL_CUDA_KERNEL_TENSORS_H_

#include "model/cuda/element.h"
#include "model/torch_headers.h"

namespace isoflop {

inline bool kernels_take(const torch::Tensor& x) {
  return x.is_cuda() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

inline Element element_of(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat32 ? Element::kFloat : Element::kBfloat16;
}

// In one piece, and aligned for the widest loads.
inline torch::Tensor in_one_piece(const torch::Tensor& x) {
  if (!x.defined()) return x;
  const auto whole = x.contiguous();
  constexpr std::uintptr_t kBytes = 16;
  return reinterpret_cast<std::uintptr_t>(whole.data_ptr()) % kBytes == 0 ? whole : whole.clone();
}

// Null where there is no tensor.
inline void* data_of(const torch::Tensor& x) { return x.defined() ? x.data_ptr() : nullptr; }
inline float* floats_of(const torch::Tensor& x) {
  return x.defined() ? x.data_ptr<float>() : nullptr;
}

// The type of sums and statistics: float32, or float64 in tests of derivatives.
inline torch::ScalarType sum_type(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_KERNEL_TENSORS_H_
