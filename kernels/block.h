// One transformer block on feature-major activations, forward and backward.
//
//   x += W_o attention(rotate(qk_norm(W_qkv norm(x)))),  x += W_out activation(W_in norm(x))
//
// Token grid: a chunk of windows side by side, each padded with empty tokens to a multiple of 16,
// so that no kernel has a remainder in the tokens. Empty tokens have x = 0 and a gradient of 0, and
// lie after all others of their window, where a causal query never looks.
#ifndef ISOFLOP_KERNELS_BLOCK_H_
#define ISOFLOP_KERNELS_BLOCK_H_

#include <cstdint>

#include "core/model_config.h"
#include "kernels/vec.h"

namespace isoflop {

struct TokenGrid {
  std::int64_t windows, padded;  // tokens a window with the empty ones
  std::int64_t stride;           // floats from one feature's row to the next
};

// Row-major as in model/transformer.h; null where the configuration has none. Float is float for
// gradients and const float for weights.
template <class Float>
struct BlockTensors {
  Float *attention_norm, *attention_norm_bias;        // [d]
  Float* qkv;                                         // [3 h k, d]
  Float* qk_gain;                                     // [2, k]
  Float* attention_out;                               // [d, h k]
  Float *feed_forward_norm, *feed_forward_norm_bias;  // [d]
  Float* feed_forward_in;                             // [f, d]; SwiGLU: [2 f, d]
  Float* feed_forward_out;                            // [d, f]
};

// What forward leaves for backward, each [rows, stride].
struct BlockState {
  float *attention_unit, *attention_inverse, *attention_in;  // d, 1, d: see norm.h
  float* qkv;                                                // 3 h k; q and k are units if normed
  float* qk_inverse;                                         // 2 h
  float* turned;        // 2 h k: q and k as attention sees them
  float* tiles;         // see attention.h
  float* inverse_sums;  // h
  float* mixed;         // h k
  float *feed_forward_unit, *feed_forward_inverse, *feed_forward_in;  // d, 1, d
  float* slope;                                                       // f or 2 f: see activation.h
  float* active;                                                      // f
};

// What all blocks share. Rotary tables: [k / 2, stride], or null.
struct BlockScratch {
  const float *cos, *sin;
  std::int64_t tiles_per_head;  // floats; 0: one set of tiles for all heads, made again
  float* d_narrow;              // [max(d, h k), stride]
  float* d_wide;                // [max(3 h k, f or 2 f), stride]
  float* d_turned;              // [2 h k, stride]
  float* attention;
};

namespace ISOFLOP_ISA {

// x [d, stride] in place.
void block_forward(const ModelConfig& config, const TokenGrid& grid,
                   const BlockTensors<const float>& weights, const BlockScratch& scratch,
                   const BlockState& state, float* x);

// d_x [d, stride]: gradient of the block's output, becomes that of its input; d_weights are added
// to.
void block_backward(const ModelConfig& config, const TokenGrid& grid,
                    const BlockTensors<const float>& weights, const BlockScratch& scratch,
                    const BlockState& state, const BlockTensors<float>& d_weights, float* d_x);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_BLOCK_H_
