// Attention of one head in one window: causal, where query i sees the keys j <= i, or over the
// whole window, where every query sees the first `keys` keys.
//
//   s_ji = k_j . q_i,   a_ji = e^(s_ji - m_i) for the j that i sees, else 0,   m_i = max_j s_ji
//   out_i = sum_j v_j a_ji / sums_i,   sums_i = sum_j a_ji
//
// Backward, with d_i = d_out_i / sums_i:
//
//   d_v_j = sum_i a_ji d_i,   b_ji = a_ji (v_j . d_i - out_i . d_i)
//   d_q_i = sum_j k_j b_ji,   d_k_j = sum_i q_i b_ji
//
// The scale 1 / sqrt(k) is the caller's: it goes into q.
//
// q, k, v, out and their gradients: [head_size, tokens], feature-major, rows `stride` apart; tokens
// is a multiple of 16. Queries are taken 32 at a time, where causal against the keys up to the last
// of them, so that little more than the lower triangle is computed. A tile of a is [keys, 32]; all
// of a window lie behind each other, attention_tiles_size(tokens, keys) floats, and are kept from
// forward to backward where `keep_tiles`, or else made again one by one in the first tokens x 32
// floats. Tokens beyond `keys` are not read as keys, and their d_k and d_v are 0.
#ifndef ISOFLOP_KERNELS_ATTENTION_H_
#define ISOFLOP_KERNELS_ATTENTION_H_

#include <cstddef>
#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct AttentionShape {
  std::int64_t head_size, tokens, stride;
  bool keep_tiles = true;
  std::int64_t keys = 0;  // that every query sees; 0: causal
};

namespace ISOFLOP_ISA {

constexpr std::int64_t kQueries = 32;

inline std::int64_t attention_tiles_size(std::int64_t tokens, std::int64_t keys = 0) {
  if (keys > 0) return tokens * keys;
  std::int64_t size = 0;
  for (std::int64_t first = 0; first < tokens; first += kQueries) {
    size += (first + kQueries) * kQueries;
  }
  return size;
}

// Floats of attention_backward's scratch.
inline std::int64_t attention_scratch_size(std::int64_t head_size, std::int64_t tokens) {
  return (kQueries + 3 * head_size + 1) * tokens;
}

// inverse_sums: [tokens], 1 / sums.
void attention_forward(const AttentionShape& shape, const float* q, const float* k, const float* v,
                       float* tiles, float* inverse_sums, float* out);

void attention_backward(const AttentionShape& shape, const float* q, const float* k, const float* v,
                        const float* out, float* tiles, float* inverse_sums, const float* d_out,
                        float* d_q, float* d_k, float* d_v, float* scratch);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_ATTENTION_H_
