// The head and its cross-entropy without all logits at once.
//
//   logits = x W^T  [rows, V],   loss = mean over targets that are not -1 of cross-entropy, nats
//
// Of a large vocabulary the logits are by far the largest array of a training step. Here they are
// made for a chunk of rows at a time, turned into their own gradient where they lie
// (cross_entropy.h on devices), multiplied into the gradients of x and W, and forgotten: both
// passes happen in the forward pass, and the backward pass only scales (the idea of Liger kernels,
// Hsu et al. 2024, arXiv:2410.10989, section 3.2; without gradients wanted, only losses are
// computed).
//
// x [rows, d] float32 or bfloat16 (float64 on the CPU), W [V, d], targets int64 [rows]. Under
// LowPrecision (product.h) the logits and their gradients are bfloat16, the losses, their mean and
// the gradient of W are float32. Runs on every device; on the CPU with LibTorch's operators.
#ifndef ISOFLOP_MODEL_CUDA_HEAD_LOSS_H_
#define ISOFLOP_MODEL_CUDA_HEAD_LOSS_H_

#include <cstdint>

#include "model/torch_headers.h"

namespace isoflop {

inline constexpr std::int64_t kHeadChunkBytes = std::int64_t{64} << 20;

// The mean; 0 where nothing is predicted.
torch::Tensor head_loss(const torch::Tensor& x, const torch::Tensor& head,
                        const torch::Tensor& targets, std::int64_t chunk_bytes = kHeadChunkBytes);

// Of each row [rows], 0 where the target is -1; without gradients.
torch::Tensor head_losses(const torch::Tensor& x, const torch::Tensor& head,
                          const torch::Tensor& targets, std::int64_t chunk_bytes = kHeadChunkBytes);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_HEAD_LOSS_H_
