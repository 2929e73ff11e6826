// Products in bfloat16 with float32 weights.
//
// The weights stay float32 (they are the optimizer's), and a pass casts all of them once, into
// bfloat16 copies that every product of the pass reads: one or two kernels a pass, where autocast
// casts each weight at its first use in each pass, a launch apiece. The gradient of a weight is
// summed in float32 inside the product that makes it, and is never rounded to bfloat16.
//
// Operations that know nothing of this run under LibTorch's autocast, which is on while a
// LowPrecision lives, and get their weights cast one by one: right, only slower.
#ifndef ISOFLOP_MODEL_CUDA_PRODUCT_H_
#define ISOFLOP_MODEL_CUDA_PRODUCT_H_

#include <unordered_map>
#include <vector>

#include "model/torch_headers.h"

namespace isoflop {

// The bfloat16 copies of a model's matrices.
class LowCopies {
 public:
  explicit LowCopies(const std::vector<torch::Tensor>& weights);
  void refresh();  // from the weights as they are now
  // The copy of this weight; undefined where there is none.
  torch::Tensor of(const torch::Tensor& weight) const;

 private:
  std::vector<torch::Tensor> weights_, copies_;
  std::unordered_map<const c10::TensorImpl*, std::size_t> places_;
};

// While it lives, this thread's forward passes are in bfloat16; null copies: as ever. Backward
// passes belong after it.
class LowPrecision {
 public:
  LowPrecision(LowCopies* copies, torch::Device device);
  ~LowPrecision();
  LowPrecision(const LowPrecision&) = delete;
  LowPrecision& operator=(const LowPrecision&) = delete;

 private:
  LowCopies* before_;
  c10::DeviceType device_;
  bool is_on_, was_enabled_ = false, was_cached_ = false;
  torch::ScalarType type_before_ = torch::kFloat32;
};

// The copy of a weight that the pass of this thread reads, else undefined.
torch::Tensor low_copy_of(const torch::Tensor& weight);

// What the products of this thread's pass read and write: bfloat16, or x's own type.
torch::ScalarType type_of_pass(const torch::Tensor& x);

// x [..., in] W^T [in, out], as torch::linear; with a copy of the weight in bfloat16.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight);

// into += a b, into [m, n] float32 or of a's type, without rounding the product to a's type.
void add_product(torch::Tensor& into, const torch::Tensor& a, const torch::Tensor& b);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_PRODUCT_H_
