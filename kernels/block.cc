#include "kernels/block.h"

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "kernels/rotary.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// The shapes of a block's parts, written once for forward and backward.
struct Parts {
  std::int64_t columns, stride, mixed_rows, inner_rows;
  NormShape norm, head_norm;
  RotaryShape turn_q, turn_k;
  AttentionShape attention;
  LinearShape qkv, attention_out, feed_forward_in, feed_forward_out;
  RowsShape active;
  RouterShape router;
};

bool is_sparse(const ModelConfig& c) { return c.experts > 0; }

// Of the feed-forward that every token passes through; 0: there is none.
std::int64_t dense_hidden(const ModelConfig& c) {
  return is_sparse(c) ? c.shared_experts * (c.hidden / c.granularity) : c.hidden;
}

Parts parts_of(const ModelConfig& c, const TokenGrid& grid, const BlockScratch& scratch) {
  const std::int64_t columns = grid.windows * grid.padded, stride = grid.stride;
  const std::int64_t mixed = c.heads * c.head_size;
  const std::int64_t hidden = dense_hidden(c);
  const std::int64_t inner = (c.feed_forward == FeedForward::kSwiglu ? 2 : 1) * hidden;
  const std::int64_t keys = c.objective == Objective::kMasked ? c.context : 0;
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(c.head_size));
  return {.columns = columns,
          .stride = stride,
          .mixed_rows = mixed,
          .inner_rows = inner,
          .norm = {c.width, columns, stride, c.norm == Norm::kLayerNorm},
          .head_norm = {c.head_size, columns, stride},
          .turn_q = {c.heads, c.head_size, columns, stride, scale},
          .turn_k = {c.heads, c.head_size, columns, stride, 1.0f},
          .attention = {c.head_size, grid.padded, stride, scratch.tiles_per_head > 0, keys},
          .qkv = {3 * mixed, c.width, columns, stride},
          .attention_out = {c.width, mixed, columns, stride},
          .feed_forward_in = {inner, c.width, columns, stride},
          .feed_forward_out = {c.width, hidden, columns, stride},
          .active = {hidden, columns, stride},
          .router = {c.experts, c.experts_per_token, columns, stride, c.router == Router::kTopK}};
}

// q and k, normed and turned.
void turn_heads(const ModelConfig& c, const Parts& parts, const BlockTensors<const float>& weights,
                const BlockScratch& scratch, const BlockState& state) {
  const std::int64_t part = parts.mixed_rows * parts.stride;
  const float* source = state.qkv;
  if (c.qk_norm) {
    const std::int64_t head_floats = c.head_size * parts.stride;
    for (std::int64_t head = 0; head < 2 * c.heads; ++head) {
      norm_forward(parts.head_norm, state.qkv + head * head_floats,
                   weights.qk_gain + (head < c.heads ? 0 : c.head_size), nullptr,
                   state.qkv + head * head_floats, state.qk_inverse + head * parts.stride,
                   state.turned + head * head_floats);
    }
    source = state.turned;
  }
  rotate(parts.turn_q, source, scratch.cos, scratch.sin, state.turned);
  rotate(parts.turn_k, source + part, scratch.cos, scratch.sin, state.turned + part);
}

// From d_turned to the rows of q and k in d_qkv.
void turn_heads_backward(const ModelConfig& c, Parts parts,
                         const BlockTensors<const float>& weights, const BlockScratch& scratch,
                         const BlockState& state, const BlockTensors<float>& d_weights,
                         float* d_qkv) {
  const std::int64_t part = parts.mixed_rows * parts.stride;
  parts.turn_q.direction = parts.turn_k.direction = -1.0f;
  float* d_normed = c.qk_norm ? scratch.d_turned : d_qkv;
  rotate(parts.turn_q, scratch.d_turned, scratch.cos, scratch.sin, d_normed);
  rotate(parts.turn_k, scratch.d_turned + part, scratch.cos, scratch.sin, d_normed + part);
  if (!c.qk_norm) return;
  const std::int64_t head_floats = c.head_size * parts.stride;
  for (std::int64_t head = 0; head < 2 * c.heads; ++head) {
    const std::int64_t gain = head < c.heads ? 0 : c.head_size;
    norm_backward(parts.head_norm, d_normed + head * head_floats, state.qkv + head * head_floats,
                  state.qk_inverse + head * parts.stride, weights.qk_gain + gain,
                  d_weights.qk_gain + gain, nullptr, d_qkv + head * head_floats,
                  /*accumulate=*/false);
  }
}

// Where the q, k, v, ... of one head in one window begin.
struct Head {
  std::int64_t rows;  // offset into [h k, stride] arrays
  std::int64_t sums;  // offset into [h, stride] arrays
  std::int64_t tiles;
};

template <class Body>
void for_each_head(const ModelConfig& c, const TokenGrid& grid, const BlockScratch& scratch,
                   const Body& body) {
  for (std::int64_t window = 0; window < grid.windows; ++window) {
    for (std::int64_t head = 0; head < c.heads; ++head) {
      const std::int64_t column = window * grid.padded;
      body(Head{head * c.head_size * grid.stride + column, head * grid.stride + column,
                (window * c.heads + head) * scratch.tiles_per_head});
    }
  }
}

void attention_part(const ModelConfig& c, const TokenGrid& grid, const Parts& parts,
                    const BlockTensors<const float>& weights, const BlockScratch& scratch,
                    const BlockState& state, float* x) {
  const std::int64_t part = parts.mixed_rows * parts.stride;
  norm_forward(parts.norm, x, weights.attention_norm, weights.attention_norm_bias,
               state.attention_unit, state.attention_inverse, state.attention_in);
  linear(parts.qkv, weights.qkv, state.attention_in, state.qkv);
  turn_heads(c, parts, weights, scratch, state);
  for_each_head(c, grid, scratch, [&](const Head& head) {
    attention_forward(parts.attention, state.turned + head.rows, state.turned + part + head.rows,
                      state.qkv + 2 * part + head.rows, state.tiles + head.tiles,
                      state.inverse_sums + head.sums, state.mixed + head.rows);
  });
  linear(parts.attention_out, weights.attention_out, state.mixed, x, /*accumulate=*/true);
}

void attention_part_backward(const ModelConfig& c, const TokenGrid& grid, const Parts& parts,
                             const BlockTensors<const float>& weights, const BlockScratch& scratch,
                             const BlockState& state, const BlockTensors<float>& d_weights,
                             float* d_x) {
  const std::int64_t part = parts.mixed_rows * parts.stride;
  float *d_mixed = scratch.d_narrow, *d_qkv = scratch.d_wide, *d_turned = scratch.d_turned;
  linear_d_weight(parts.attention_out, state.mixed, d_x, d_weights.attention_out);
  linear_d_input(parts.attention_out, weights.attention_out, d_x, d_mixed);
  for_each_head(c, grid, scratch, [&](const Head& head) {
    attention_backward(parts.attention, state.turned + head.rows, state.turned + part + head.rows,
                       state.qkv + 2 * part + head.rows, state.mixed + head.rows,
                       state.tiles + head.tiles, state.inverse_sums + head.sums,
                       d_mixed + head.rows, d_turned + head.rows, d_turned + part + head.rows,
                       d_qkv + 2 * part + head.rows, scratch.attention);
  });
  turn_heads_backward(c, parts, weights, scratch, state, d_weights, d_qkv);
  linear_d_weight(parts.qkv, state.attention_in, d_qkv, d_weights.qkv);
  linear_d_input(parts.qkv, weights.qkv, d_qkv, scratch.d_narrow);
  norm_backward(parts.norm, scratch.d_narrow, state.attention_unit, state.attention_inverse,
                weights.attention_norm, d_weights.attention_norm, d_weights.attention_norm_bias,
                d_x, /*accumulate=*/true);
}

// The dense feed-forward, or the shared experts as one.
template <class Float>
struct DenseTensors {
  Float *in, *out;
};
template <class Float>
DenseTensors<Float> dense_tensors(const ModelConfig& c, const BlockTensors<Float>& block) {
  if (is_sparse(c)) return {block.shared_in, block.shared_out};
  return {block.feed_forward_in, block.feed_forward_out};
}

void dense_part(const ModelConfig& c, const Parts& parts, const DenseTensors<const float>& weights,
                const BlockState& state, float* x) {
  linear(parts.feed_forward_in, weights.in, state.feed_forward_in, state.slope);
  if (c.feed_forward == FeedForward::kGelu) {
    gelu(parts.active, state.slope, state.active);
  } else {
    swiglu(parts.active, state.slope, state.slope + parts.active.rows * parts.stride, state.active);
  }
  linear(parts.feed_forward_out, weights.out, state.active, x, /*accumulate=*/true);
}

void dense_part_backward(const ModelConfig& c, const Parts& parts,
                         const DenseTensors<const float>& weights, const BlockScratch& scratch,
                         const BlockState& state, const DenseTensors<float>& d_weights,
                         const float* d_x, float* d_in) {
  float* d_inner = scratch.d_wide;
  linear_d_weight(parts.feed_forward_out, state.active, d_x, d_weights.out);
  linear_d_input(parts.feed_forward_out, weights.out, d_x, d_inner);
  if (c.feed_forward == FeedForward::kSwiglu) {
    const std::int64_t half = parts.active.rows * parts.stride;
    multiply(parts.active, d_inner, state.slope + half, d_inner + half);
  }
  multiply(parts.active, d_inner, state.slope, d_inner);
  linear_d_weight(parts.feed_forward_in, state.feed_forward_in, d_inner, d_weights.in);
  linear_d_input(parts.feed_forward_in, weights.in, d_inner, d_in, /*accumulate=*/is_sparse(c));
}

void router_part_backward(const ModelConfig& c, const TokenGrid& grid, const Parts& parts,
                          const BlockTensors<const float>& weights, const BlockScratch& scratch,
                          const BlockState& state, const BlockTensors<float>& d_weights,
                          float* d_in) {
  float* d_logits = scratch.d_wide;
  router_backward(parts.router, state.router, scratch.router, d_logits);
  for (std::int64_t row = 0; row < c.experts; ++row) {
    for (std::int64_t window = 0; window < grid.windows; ++window) {
      float* columns = d_logits + row * parts.stride + window * grid.padded;
      for (std::int64_t t = c.context; t < grid.padded; ++t) columns[t] = 0.0f;
    }
  }
  const LinearShape shape{c.experts, c.width, parts.columns, parts.stride};
  linear_d_weight(shape, state.feed_forward_in, d_logits, d_weights.router);
  linear_d_input(shape, weights.router, d_logits, d_in, /*accumulate=*/true);
}

void feed_forward_part(const ModelConfig& c, const Parts& parts,
                       const BlockTensors<const float>& weights, const BlockState& state,
                       float* x) {
  norm_forward(parts.norm, x, weights.feed_forward_norm, weights.feed_forward_norm_bias,
               state.feed_forward_unit, state.feed_forward_inverse, state.feed_forward_in);
  if (is_sparse(c)) {
    const LinearShape router{c.experts, c.width, parts.columns, parts.stride};
    linear(router, weights.router, state.feed_forward_in, state.router.probabilities);
    router_forward(parts.router, state.router);
  }
  if (parts.active.rows > 0) dense_part(c, parts, dense_tensors(c, weights), state, x);
}

void feed_forward_part_backward(const ModelConfig& c, const TokenGrid& grid, const Parts& parts,
                                const BlockTensors<const float>& weights,
                                const BlockScratch& scratch, const BlockState& state,
                                const BlockTensors<float>& d_weights, float* d_x) {
  float* d_in = is_sparse(c) ? scratch.d_feed_forward_in : scratch.d_narrow;
  if (is_sparse(c)) {
    router_part_backward(c, grid, parts, weights, scratch, state, d_weights, d_in);
  }
  if (parts.active.rows > 0) {
    dense_part_backward(c, parts, dense_tensors(c, weights), scratch, state,
                        dense_tensors(c, d_weights), d_x, d_in);
  }
  norm_backward(parts.norm, d_in, state.feed_forward_unit, state.feed_forward_inverse,
                weights.feed_forward_norm, d_weights.feed_forward_norm,
                d_weights.feed_forward_norm_bias, d_x, /*accumulate=*/true);
}

}  // namespace

void block_forward(const ModelConfig& config, const TokenGrid& grid,
                   const BlockTensors<const float>& weights, const BlockScratch& scratch,
                   const BlockState& state, float* x) {
  const Parts parts = parts_of(config, grid, scratch);
  attention_part(config, grid, parts, weights, scratch, state, x);
  feed_forward_part(config, parts, weights, state, x);
}

void block_backward(const ModelConfig& config, const TokenGrid& grid,
                    const BlockTensors<const float>& weights, const BlockScratch& scratch,
                    const BlockState& state, const BlockTensors<float>& d_weights, float* d_x) {
  const Parts parts = parts_of(config, grid, scratch);
  feed_forward_part_backward(config, grid, parts, weights, scratch, state, d_weights, d_x);
  attention_part_backward(config, grid, parts, weights, scratch, state, d_weights, d_x);
}

}  // namespace isoflop::ISOFLOP_ISA
