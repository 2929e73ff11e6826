// QK-norm and rotary positions on the product's output, between it and attention, in one pass.
//
// qkv [B T, 3, h, k] holds q, k and v of every head. q and k alike, with i < k/2 and cos, sin the
// tables' row of the token's place in its sequence:
//
//   u = x r gain,  r = 1 / sqrt(mean(x^2) + epsilon)             (QK-norm, Henry et al. 2020)
//   out[i]       = u[i] cos[i] - u[i + k/2] sin[i]               (rotary, Su et al. 2021)
//   out[i + k/2] = u[i + k/2] cos[i] + u[i] sin[i]
//
// v stays where it is. Backward turns back, goes through the norm and writes the gradient of qkv,
// v's copied to its place:
//
//   du[i] = do[i] cos[i] + do[i + k/2] sin[i],  du[i + k/2] = do[i + k/2] cos[i] - do[i] sin[i]
//   dgain = sum over tokens and heads of du x r,  g = du gain,  dx = r (g - x r mean(g x r))
//
// Everything between a load and a store is float32. Sums have a fixed order, without atomics.
// Pointers are of the device. Throws Error(kFailed) when a kernel cannot be launched.
#ifndef ISOFLOP_MODEL_CUDA_HEADS_H_
#define ISOFLOP_MODEL_CUDA_HEADS_H_

#include <cstdint>

#include "model/cuda/element.h"

namespace isoflop {

struct HeadShape {
  std::int64_t tokens = 0;  // B T
  std::int64_t length = 0;  // T
  std::int64_t heads = 0, size = 0;
  float epsilon = 0;
};

// Head sizes that are multiples of 8 up to 256, or even up to 64; fewer than 2^31 heads in all.
bool heads_take(const HeadShape& shape);

struct TurnHeads {
  Element element = Element::kFloat;
  const void* qkv = nullptr;    // [tokens, 3, heads, size]
  const float* gain = nullptr;  // [2, size]; null: no QK-norm
  const float* cos = nullptr;   // [>= length, size], null: no rotary positions
  const float* sin = nullptr;   // the same; its second half is +sin
  void* turned = nullptr;       // [2, tokens, heads, size]: q, then k
  HeadShape shape = {};
};

void turn_heads(const TurnHeads& pass, GpuStream stream);

struct TurnHeadsBackward {
  Element element = Element::kFloat;
  const void* qkv = nullptr;
  const float* gain = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
  const void* d_q = nullptr;  // [tokens, heads, size] each
  const void* d_k = nullptr;
  const void* d_v = nullptr;
  void* d_qkv = nullptr;     // [tokens, 3, heads, size]
  float* d_gain = nullptr;   // [2, size]; null without QK-norm
  float* partial = nullptr;  // scratch of turn_heads_partials(shape) numbers, with QK-norm
  HeadShape shape = {};
};

std::int64_t turn_heads_partials(const HeadShape& shape);
void turn_heads_backward(const TurnHeadsBackward& pass, GpuStream stream);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_HEADS_H_
