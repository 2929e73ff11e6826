// Which columns each expert of a layer works on.
//
// dispatch() sorts the choices of all tokens by expert: the first choices of all tokens in the
// tokens' order, then the second ones, and so on. An expert takes the first `capacity` of its own,
// or all, in blocks of at most `block_columns`, each to be a contiguous feature-major matrix.
// Blocks lie behind each other; one takes block_stride(columns) columns, empty ones at the end.
//
// Tokens: chunks of windows (token_grid.h). What is [rows, stride] for a chunk lies behind each
// other for all of them, [chunks][rows, stride].
#ifndef ISOFLOP_KERNELS_DISPATCH_H_
#define ISOFLOP_KERNELS_DISPATCH_H_

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
  std::int64_t* from;           // [C], the token's row
  std::int64_t* choice;         // [C], the choice's place in [chunks][k, stride]
  float* slope;                 // f_e C, or 2 f_e C: see activation.h
  float* active;                // f_e C
};

namespace ISOFLOP_ISA {

// Rows of an odd number of cache lines, so that they do not share the few sets of a cache.
inline std::int64_t block_stride(std::int64_t columns) { return ((columns + 15) / 16 | 1) * 16; }

// Rows of a matrix with one for each token, empty ones too, and one that stands for no token.
inline std::int64_t token_rows(const TokenChunks& tokens) {
  return chunk_count(tokens) * tokens.per_chunk * tokens.padded + 1;
}

// The packed column of the i-th choice that falls on an expert whose first one is `first`.
inline std::int64_t packed_column(const ExpertsShape& shape, std::int64_t first, std::int64_t i) {
  const std::int64_t block = i / shape.block_columns;
  return first + block * block_stride(shape.block_columns) + (i - block * shape.block_columns);
}

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

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_DISPATCH_H_
