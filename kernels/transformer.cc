#include "kernels/transformer.h"

#include "kernels/head.h"
#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

std::int64_t columns_of(const TokenGrid& grid) { return grid.windows * grid.padded; }

// body(chunk), in order.
template <class Body>
void for_each_chunk(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                    const Body& body) {
  const std::int64_t stride = shape.tokens.stride, floats = shape.config.width * stride;
  for (std::int64_t chunk = 0; chunk < chunk_count(shape.tokens); ++chunk) {
    body(TokenChunk{chunk, chunk_grid(shape.tokens, chunk), buffers.x + chunk * floats,
                    buffers.d_x + chunk * floats, buffers.inputs + chunk * stride,
                    buffers.targets + chunk * stride, buffers.losses + chunk * stride});
  }
}

void add_to(std::int64_t count, const float* from, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// x = embedding[inputs] + positions, 0 for empty tokens.
void embed(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
           const TransformerBuffers& buffers, const TokenChunk& chunk) {
  const std::int64_t d = shape.config.width;
  for (std::int64_t t = 0; t < columns_of(chunk.grid); ++t) {
    float* row = buffers.by_token + t * d;
    const std::int64_t token = chunk.inputs[t];
    for (std::int64_t c = 0; c < d; ++c) {
      row[c] = token < 0 ? 0.0f : weights.embedding[token * d + c];
    }
    if (token >= 0 && weights.positions != nullptr) {
      add_to(d, weights.positions + t % chunk.grid.padded * d, row);
    }
  }
  transpose(columns_of(chunk.grid), d, buffers.by_token, d, chunk.x, chunk.grid.stride);
}

void embed_backward(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                    const TokenChunk& chunk, const TransformerTensors<float>& d_weights) {
  const std::int64_t d = shape.config.width;
  transpose(d, columns_of(chunk.grid), chunk.d_x, chunk.grid.stride, buffers.by_token, d);
  for (std::int64_t t = 0; t < columns_of(chunk.grid); ++t) {
    const std::int64_t token = chunk.inputs[t];
    if (token < 0) continue;
    const float* row = buffers.by_token + t * d;
    add_to(d, row, d_weights.embedding + token * d);
    if (d_weights.positions != nullptr) {
      add_to(d, row, d_weights.positions + t % chunk.grid.padded * d);
    }
  }
}

template <class Float>
ExpertsTensors<Float> experts_of(const BlockTensors<Float>& block) {
  return {block.feed_forward_in, block.feed_forward_out};
}

// From tokens to the last block's output. `keep`: every block's state, for backward.
void forward(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
             const TransformerBuffers& buffers, bool keep) {
  for_each_chunk(shape, buffers,
                 [&](const TokenChunk& chunk) { embed(shape, weights, buffers, chunk); });
  for (std::int64_t layer = 0; layer < shape.config.layers; ++layer) {
    const std::int64_t kept = keep ? layer : 0;
    const BlockState* states = buffers.blocks + kept * buffers.room;
    for_each_chunk(shape, buffers, [&](const TokenChunk& chunk) {
      block_forward(shape.config, chunk.grid, weights.blocks[layer], buffers.scratch,
                    states[chunk.index], chunk.x);
    });
    if (shape.config.experts == 0) continue;
    const ExpertsState& state = buffers.experts[kept];
    dispatch(shape.experts, state);
    buffers.router_stats[layer] = router_stats(shape.experts, state);
    experts_forward(shape.experts, experts_of(weights.blocks[layer]), states[0].feed_forward_in,
                    state, buffers.routed.block, buffers.x);
  }
}

// From the gradient of the last block's output, in d_x, to that of the first one's input.
void backward(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
              const TransformerBuffers& buffers, const TransformerTensors<float>& d_weights) {
  const RoutedScratch& routed = buffers.routed;
  BlockScratch scratch = buffers.scratch;
  for (std::int64_t layer = shape.config.layers - 1; layer >= 0; --layer) {
    if (shape.config.experts > 0) {
      const ExpertsState& state = buffers.experts[layer];
      experts_backward(shape.experts, experts_of(weights.blocks[layer]), state, routed.block,
                       buffers.d_x, experts_of(d_weights.blocks[layer]), routed.d_in,
                       routed.d_gates);
      balance_gradient(shape.experts, state, shape.balance_scale, routed.d_shares);
    }
    for_each_chunk(shape, buffers, [&](const TokenChunk& chunk) {
      const std::int64_t before = chunk.index * chunk.grid.stride;
      scratch.d_feed_forward_in = routed.d_in + before * shape.config.width;
      scratch.router = {routed.d_gates + before * shape.config.experts_per_token, routed.d_shares,
                        shape.z_scale};
      block_backward(shape.config, chunk.grid, weights.blocks[layer], scratch,
                     buffers.blocks[layer * buffers.room + chunk.index], d_weights.blocks[layer],
                     chunk.d_x);
    });
  }
}

}  // namespace

void transformer_losses(const TransformerPassShape& shape,
                        const TransformerTensors<const float>& weights,
                        const TransformerBuffers& buffers) {
  forward(shape, weights, buffers, /*keep=*/false);
  for_each_chunk(shape, buffers,
                 [&](const TokenChunk& chunk) { head_losses(shape, weights, buffers, chunk); });
}

void transformer_gradients(const TransformerPassShape& shape,
                           const TransformerTensors<const float>& weights,
                           const TransformerBuffers& buffers,
                           const TransformerTensors<float>& d_weights) {
  forward(shape, weights, buffers, /*keep=*/true);
  for_each_chunk(shape, buffers, [&](const TokenChunk& chunk) {
    head_gradients(shape, weights, buffers, d_weights, chunk);
  });
  backward(shape, weights, buffers, d_weights);
  for_each_chunk(shape, buffers, [&](const TokenChunk& chunk) {
    embed_backward(shape, buffers, chunk, d_weights);
  });
}

}  // namespace isoflop::ISOFLOP_ISA
