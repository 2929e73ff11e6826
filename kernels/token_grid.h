// How the tokens of windows lie in the columns of a feature-major matrix.
//
// A grid is a chunk of windows side by side, each padded with empty tokens to a multiple of 16, so
// that no kernel has a remainder in the tokens. Empty tokens have x = 0 before the first block and
// a gradient of 0, and lie after all others of their window, where no query looks.
#ifndef ISOFLOP_KERNELS_TOKEN_GRID_H_
#define ISOFLOP_KERNELS_TOKEN_GRID_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct TokenGrid {
  std::int64_t windows, padded;  // tokens a window with the empty ones
  std::int64_t stride;           // floats from one feature's row to the next
};

// All windows of a pass, `per_chunk` to a chunk; of a window's tokens the first `context` are real.
struct TokenChunks {
  std::int64_t windows, per_chunk, context, padded, stride;
};

namespace ISOFLOP_ISA {

inline std::int64_t chunk_count(const TokenChunks& tokens) {
  return (tokens.windows + tokens.per_chunk - 1) / tokens.per_chunk;
}

inline TokenGrid chunk_grid(const TokenChunks& tokens, std::int64_t chunk) {
  const std::int64_t left = tokens.windows - chunk * tokens.per_chunk;
  return {left < tokens.per_chunk ? left : tokens.per_chunk, tokens.padded, tokens.stride};
}

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_TOKEN_GRID_H_
