// One transformer block on feature-major activations, forward and backward.
//
//   x += W_o attention(rotate(qk_norm(W_qkv norm(x)))),  x += W_out activation(W_in norm(x))
//
// Of a sparse model the router and the shared experts are here, which take a chunk of tokens at a
// time; the routed experts, which take all at once, are in experts.h and run after block_forward
// and before block_backward.
#ifndef ISOFLOP_KERNELS_BLOCK_H_
#define ISOFLOP_KERNELS_BLOCK_H_

#include <cstdint>

#include "core/model_config.h"
#include "kernels/router.h"
#include "kernels/token_grid.h"
#include "kernels/vec.h"

namespace isoflop {

// Row-major as in model/transformer.h; null where the configuration has none. Float is float for
// gradients and const float for weights.
template <class Float>
struct BlockTensors {
  Float *attention_norm, *attention_norm_bias;        // [d]
  Float* qkv;                                         // [3 h k, d]
  Float* qk_gain;                                     // [2, k]
  Float* attention_out;                               // [d, h k]
  Float *feed_forward_norm, *feed_forward_norm_bias;  // [d]
  Float* feed_forward_in;       // [f, d]; SwiGLU: [2 f, d]; sparse: [E, f_e or 2 f_e, d]
  Float* feed_forward_out;      // [d, f]; sparse: [E, d, f_e]
  Float* router = nullptr;      // [E, d]
  Float* shared_in = nullptr;   // [s f_e, d]; SwiGLU: [2 s f_e, d], gates first
  Float* shared_out = nullptr;  // [d, s f_e]
};

// What forward leaves for backward, each [rows, stride]. f': f, or of a sparse model s f_e.
struct BlockState {
  float *attention_unit, *attention_inverse, *attention_in;  // d, 1, d: see norm.h
  float* qkv;                                                // 3 h k; q and k are units if normed
  float* qk_inverse;                                         // 2 h
  float* turned;        // 2 h k: q and k as attention sees them
  float* tiles;         // see attention.h
  float* inverse_sums;  // h
  float* mixed;         // h k
  float *feed_forward_unit, *feed_forward_inverse, *feed_forward_in;  // d, 1, d
  float* slope;        // f' or 2 f': see activation.h
  float* active;       // f'
  RouterState router;  // of sparse models
};

// What all blocks share. Rotary tables: [k / 2, stride], or null.
struct BlockScratch {
  const float *cos, *sin;
  std::int64_t tiles_per_head;  // floats; 0: one set of tiles for all heads, made again
  float* d_narrow;              // [max(d, h k), stride]
  float* d_wide;                // [max(3 h k, f' or 2 f', E), stride]
  float* d_turned;              // [2 h k, stride]
  float* attention;
  float* d_feed_forward_in;  // sparse: [d, stride], from the routed experts
  RouterGradient router;
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
