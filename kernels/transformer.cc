#include "kernels/transformer.h"

#include "kernels/cross_entropy.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

std::int64_t columns_of(const TokenGrid& grid) { return grid.windows * grid.padded; }

NormShape final_norm_shape(const TransformerPassShape& shape) {
  return {shape.config.width, columns_of(shape.grid), shape.grid.stride,
          shape.config.norm == Norm::kLayerNorm};
}

void add_to(std::int64_t count, const float* from, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

void scale_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, float by,
                float* values) {
  if (by == 1.0f) return;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t < columns; ++t) values[row * stride + t] *= by;
  }
}

// x = embedding[inputs] + positions, 0 for empty tokens.
void embed(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
           const TransformerBuffers& buffers) {
  const std::int64_t d = shape.config.width;
  for (std::int64_t t = 0; t < columns_of(shape.grid); ++t) {
    float* row = buffers.by_token + t * d;
    const std::int64_t token = buffers.inputs[t];
    for (std::int64_t c = 0; c < d; ++c) {
      row[c] = token < 0 ? 0.0f : weights.embedding[token * d + c];
    }
    if (token >= 0 && weights.positions != nullptr) {
      add_to(d, weights.positions + t % shape.grid.padded * d, row);
    }
  }
  transpose(columns_of(shape.grid), d, buffers.by_token, d, buffers.x, shape.grid.stride);
}

void embed_backward(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                    const TransformerTensors<float>& d_weights) {
  const std::int64_t d = shape.config.width;
  transpose(d, columns_of(shape.grid), buffers.d_x, shape.grid.stride, buffers.by_token, d);
  for (std::int64_t t = 0; t < columns_of(shape.grid); ++t) {
    const std::int64_t token = buffers.inputs[t];
    if (token < 0) continue;
    const float* row = buffers.by_token + t * d;
    add_to(d, row, d_weights.embedding + token * d);
    if (d_weights.positions != nullptr) {
      add_to(d, row, d_weights.positions + t % shape.grid.padded * d);
    }
  }
}

// From tokens to the input of the head. `keep`: every block's state, for backward.
void forward(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
             const TransformerBuffers& buffers, bool keep) {
  embed(shape, weights, buffers);
  for (std::int64_t layer = 0; layer < shape.config.layers; ++layer) {
    block_forward(shape.config, shape.grid, weights.blocks[layer], buffers.scratch,
                  buffers.blocks[keep ? layer : 0], buffers.x);
  }
  const NormShape norm = final_norm_shape(shape);
  norm_forward(norm, buffers.x, weights.final_norm, weights.final_norm_bias, buffers.final_unit,
               buffers.final_inverse, buffers.final_norm);
  scale_rows(norm.features, norm.columns, norm.stride, shape.logit_scale, buffers.final_norm);
}

// body(first column, columns) for every stretch of tokens whose logits are made at once.
template <class Body>
void for_each_head_stretch(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                           const Body& body) {
  const std::int64_t columns = columns_of(shape.grid);
  for (std::int64_t first = 0; first < columns; first += buffers.head_columns) {
    const std::int64_t left = columns - first;
    body(first, left < buffers.head_columns ? left : buffers.head_columns);
  }
}

// Losses of the tokens first .. first + columns; leaves buffers.logits and sums as cross_entropy.h
// says.
void head_losses(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
                 const TransformerBuffers& buffers, std::int64_t first, std::int64_t columns) {
  const std::int64_t d = shape.config.width, vocab = shape.config.vocab;
  gemm(vocab, columns, d, {weights.head, d, 1}, {buffers.final_norm + first, shape.grid.stride, 1},
       buffers.logits, buffers.head_columns, false);
  cross_entropy({vocab, columns, buffers.head_columns}, buffers.logits, buffers.targets + first,
                buffers.losses + first, buffers.sums + first);
}

// sums become the factor that makes gradients of what cross_entropy left.
void gradient_factors(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                      std::int64_t first, std::int64_t columns) {
  for (std::int64_t t = first; t < first + columns; ++t) {
    buffers.sums[t] = buffers.targets[t] < 0 ? 0.0f : shape.gradient_scale / buffers.sums[t];
  }
}

// values[row, t] *= factors[t]
void scale_by_column(std::int64_t rows, std::int64_t columns, std::int64_t stride,
                     const float* factors, float* values) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t < columns; t += kLanes) {
      store(values + row * stride + t, load(values + row * stride + t) * load(factors + t));
    }
  }
}

// d_narrow (gradient of the head's input) and the head's own gradient, from the same stretch's
// logits. The head's input has done its duty and takes the factors.
void head_backward(const TransformerPassShape& shape,
                   const TransformerTensors<const float>& weights,
                   const TransformerBuffers& buffers, const TransformerTensors<float>& d_weights,
                   std::int64_t first, std::int64_t columns) {
  const std::int64_t d = shape.config.width, vocab = shape.config.vocab;
  const std::int64_t stride = shape.grid.stride;
  float *d_input = buffers.scratch.d_narrow + first, *input = buffers.final_norm + first;
  gradient_factors(shape, buffers, first, columns);
  gemm(d, columns, vocab, {weights.head, 1, d}, {buffers.logits, buffers.head_columns, 1}, d_input,
       stride, false);
  scale_by_column(d, columns, stride, buffers.sums + first, d_input);
  scale_by_column(d, columns, stride, buffers.sums + first, input);
  gemm(vocab, d, columns, {buffers.logits, buffers.head_columns, 1}, {input, 1, stride},
       d_weights.head, d, true);
}

}  // namespace

void transformer_losses(const TransformerPassShape& shape,
                        const TransformerTensors<const float>& weights,
                        const TransformerBuffers& buffers) {
  forward(shape, weights, buffers, /*keep=*/false);
  for_each_head_stretch(shape, buffers, [&](std::int64_t first, std::int64_t columns) {
    head_losses(shape, weights, buffers, first, columns);
  });
}

void transformer_gradients(const TransformerPassShape& shape,
                           const TransformerTensors<const float>& weights,
                           const TransformerBuffers& buffers,
                           const TransformerTensors<float>& d_weights) {
  forward(shape, weights, buffers, /*keep=*/true);
  for_each_head_stretch(shape, buffers, [&](std::int64_t first, std::int64_t columns) {
    head_losses(shape, weights, buffers, first, columns);
    head_backward(shape, weights, buffers, d_weights, first, columns);
  });
  const NormShape norm = final_norm_shape(shape);
  scale_rows(norm.features, norm.columns, norm.stride, shape.logit_scale, buffers.scratch.d_narrow);
  norm_backward(norm, buffers.scratch.d_narrow, buffers.final_unit, buffers.final_inverse,
                weights.final_norm, d_weights.final_norm, d_weights.final_norm_bias, buffers.d_x,
                /*accumulate=*/false);
  for (std::int64_t layer = shape.config.layers - 1; layer >= 0; --layer) {
    block_backward(shape.config, shape.grid, weights.blocks[layer], buffers.scratch,
                   buffers.blocks[layer], d_weights.blocks[layer], buffers.d_x);
  }
  embed_backward(shape, buffers, d_weights);
}

}  // namespace isoflop::ISOFLOP_ISA
