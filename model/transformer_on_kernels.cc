// The way from a transformer's tensors to the plain pointers of kernels/.
#include "model/transformer.h"

namespace isoflop {
namespace {

float* values_of(const torch::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  TORCH_CHECK(tensor.is_contiguous(), "the kernels take parameters and gradients in one piece");
  return tensor.data_ptr<float>();
}

float* gradient_of(const torch::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  if (!tensor.grad().defined()) tensor.mutable_grad() = torch::zeros_like(tensor);
  return values_of(tensor.grad());
}

}  // namespace

bool TransformerImpl::runs_on_kernels() const {
  return pass_ != nullptr && !config_.next_sentence && embedding_.is_cpu() &&
         embedding_.scalar_type() == torch::kFloat32;
}

template <class Float, class Pointer>
TransformerTensors<Float> TransformerImpl::point(const Pointer& pointer,
                                                 std::vector<BlockTensors<Float>>& blocks) const {
  blocks.clear();
  for (const Block& block : blocks_) {
    blocks.push_back({.attention_norm = pointer(block->attention_norm_),
                      .attention_norm_bias = pointer(block->attention_norm_bias_),
                      .qkv = pointer(block->qkv_),
                      .qk_gain = pointer(block->qk_gain_),
                      .attention_out = pointer(block->attention_out_),
                      .feed_forward_norm = pointer(block->feed_forward_norm_),
                      .feed_forward_norm_bias = pointer(block->feed_forward_norm_bias_),
                      .feed_forward_in = pointer(block->feed_forward_in_),
                      .feed_forward_out = pointer(block->feed_forward_out_)});
    if (config_.sparse()) {
      const ExpertsImpl& experts = *block->experts_;
      blocks.back().feed_forward_in = pointer(experts.feed_forward_in_);
      blocks.back().feed_forward_out = pointer(experts.feed_forward_out_);
      blocks.back().router = pointer(experts.router_);
      blocks.back().shared_in = pointer(experts.shared_in_);
      blocks.back().shared_out = pointer(experts.shared_out_);
    }
  }
  return {.embedding = pointer(embedding_),
          .positions = pointer(positions_),
          .blocks = blocks.data(),
          .final_norm = pointer(final_norm_),
          .final_norm_bias = pointer(final_norm_bias_),
          .head = pointer(head_.defined() ? head_ : embedding_)};
}

TransformerTensors<const float> TransformerImpl::weights() {
  return point(values_of, block_weights_);
}

TransformerTensors<float> TransformerImpl::gradients() {
  return point(gradient_of, block_gradients_);
}

}  // namespace isoflop
