// The routed experts of a layer, forward and backward, over all tokens of a pass.
//
//   x_t += sum_{e in K(t)} gate_te W_out_e activation(W_in_e in_t)
//
// dispatch() sorts the choices of all tokens by expert: the first choices of all tokens in the
// tokens' order, then the second ones, and so on. An expert takes the first `capacity` of its own,
// or all. Its columns are gathered into blocks of at most `block_columns`, each a contiguous
// feature-major matrix, so that what is between two products stays near the core. Blocks lie
// behind each other; one takes block_stride(columns) columns, empty ones at the end.
//
// Tokens: chunks of windows (block.h). What is [rows, stride] for a chunk lies behind each other
// for all of them, [chunks][rows, stride].
//
// A token's result does not depend on the other tokens where nothing is dropped: its experts are
// added in the order of their index.
#ifndef ISOFLOP_KERNELS_EXPERTS_H_
#define ISOFLOP_KERNELS_EXPERTS_H_

#include <cstdint>

#include "core/router_stats.h"
#include "kernels/router.h"
#include "kernels/token_grid.h"
#include "kernels/vec.h"

namespace isoflop {

struct ExpertsShape {
  std::int64_t experts, per_token;
  std::int64_t width, hidden;  // d and f_e
  bool gated;                  // SwiGLU: W_in has 2 f_e rows
  TokenChunks tokens;
  std::int64_t capacity;  // 0: all that come
  std::int64_t block_columns;
};

// C below: packed_columns(shape).
struct ExpertsState {
  RouterState routers;          // of the first chunk; the others' lie behind it
  std::int64_t *loads, *taken;  // [E]: choices that fell on an expert, and those that it takes
  std::int64_t *first, *next;   // [E]: an expert's first packed column; scratch
  std::int64_t* from;           // [C], the token's place in [chunks][d, stride]
  std::int64_t* choice;         // [C], the choice's place in [chunks][k, stride]
  float* in;                    // d C
  float* slope;                 // f_e C, or 2 f_e C: see activation.h
  float* active;                // f_e C
};

// For one block.
struct ExpertsScratch {
  float* narrow;  // [d, columns]
  float* wide;    // [f_e or 2 f_e, columns]
  float* row;     // [columns]
};

template <class Float>
struct ExpertsTensors {
  Float* in;   // [E, f_e, d]; SwiGLU: [E, 2 f_e, d]
  Float* out;  // [E, d, f_e]
};

namespace ISOFLOP_ISA {

// Rows of an odd number of cache lines, so that they do not share the few sets of a cache.
inline std::int64_t block_stride(std::int64_t columns) { return ((columns + 15) / 16 | 1) * 16; }

// Columns that all blocks take together at most: each has up to 31 empty ones, and an expert one
// block that is not full.
inline std::int64_t packed_columns(const ExpertsShape& shape) {
  const std::int64_t choices = shape.tokens.windows * shape.tokens.context * shape.per_token;
  return choices + 32 * (shape.experts + choices / shape.block_columns);
}

RouterState router_of(const ExpertsShape& shape, const ExpertsState& state, std::int64_t chunk);

// Fills loads, taken, from and choice from what the routers chose.
void dispatch(const ExpertsShape& shape, const ExpertsState& state);

// Of this layer alone, after dispatch.
RouterStats router_stats(const ExpertsShape& shape, const ExpertsState& state);

// d_shares[e] = gradient of weight x balance by each token's p_e.
void balance_gradient(const ExpertsShape& shape, const ExpertsState& state, float weight,
                      float* d_shares);

// After dispatch. in, x: [chunks][d, stride].
void experts_forward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                     const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                     float* x);

// d_x, d_in: [chunks][d, stride], d_gates: [chunks][k, stride]; d_in and d_gates are overwritten.
void experts_backward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                      const ExpertsState& state, const ExpertsScratch& scratch, const float* d_x,
                      const ExpertsTensors<float>& d_weights, float* d_in, float* d_gates);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_EXPERTS_H_
