#include "kernels/head.h"

#include "kernels/cross_entropy.h"
#include "kernels/gemm.h"
#include "kernels/norm.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

std::int64_t chunk_columns(const TokenChunk& chunk) {
  return chunk.grid.windows * chunk.grid.padded;
}

void scale_rows(std::int64_t rows, std::int64_t columns, std::int64_t stride, float by,
                float* values) {
  if (by == 1.0f) return;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t < columns; ++t) values[row * stride + t] *= by;
  }
}

// What of a chunk the final norm and the head see.
struct PredictedTokens {
  std::int64_t columns, stride;
  const float* x;
  const std::int32_t* targets;
  float *losses, *d_x;
};

NormShape final_norm_shape(const TransformerPassShape& shape, const PredictedTokens& head) {
  return {shape.config.width, head.columns, head.stride, shape.config.norm == Norm::kLayerNorm};
}

// The predicted tokens of a chunk, side by side, with empty ones to a multiple of 16. The final
// norm may work in the place of its input, and its output is free when its gradient comes.
PredictedTokens gather_predicted(const TransformerPassShape& shape,
                                 const TransformerBuffers& buffers, const TokenChunk& chunk) {
  const std::int64_t stride = chunk.grid.stride;
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < chunk_columns(chunk); ++t) {
    if (chunk.targets[t] < 0) continue;
    buffers.predicted[count] = static_cast<std::int32_t>(t);
    buffers.predicted_targets[count++] = chunk.targets[t];
  }
  const std::int64_t columns = (count + 15) / 16 * 16;
  for (std::int64_t p = count; p < columns; ++p) buffers.predicted_targets[p] = -1;
  for (std::int64_t row = 0; row < shape.config.width; ++row) {
    const float* from = chunk.x + row * stride;
    float* to = buffers.final_unit + row * stride;
    for (std::int64_t p = 0; p < count; ++p) to[p] = from[buffers.predicted[p]];
    for (std::int64_t p = count; p < columns; ++p) to[p] = 0.0f;
  }
  return {columns,
          stride,
          buffers.final_unit,
          buffers.predicted_targets,
          buffers.predicted_losses,
          buffers.final_norm};
}

PredictedTokens predicted_of(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                             const TokenChunk& chunk) {
  if (shape.config.objective == Objective::kMasked) {
    return gather_predicted(shape, buffers, chunk);
  }
  return {chunk_columns(chunk), chunk.grid.stride, chunk.x, chunk.targets, chunk.losses, chunk.d_x};
}

// From the predicted tokens' losses to those of all.
void scatter_losses(const TransformerBuffers& buffers, const PredictedTokens& head,
                    const TokenChunk& chunk) {
  if (head.losses == chunk.losses) return;
  for (std::int64_t t = 0; t < chunk_columns(chunk); ++t) chunk.losses[t] = 0.0f;
  for (std::int64_t p = 0; p < head.columns; ++p) {
    if (head.targets[p] >= 0) chunk.losses[buffers.predicted[p]] = head.losses[p];
  }
}

void scatter_gradient(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                      const PredictedTokens& head, const TokenChunk& chunk) {
  if (head.d_x == chunk.d_x) return;
  for (std::int64_t row = 0; row < shape.config.width; ++row) {
    float* to = chunk.d_x + row * head.stride;
    const float* from = head.d_x + row * head.stride;
    for (std::int64_t t = 0; t < chunk_columns(chunk); ++t) to[t] = 0.0f;
    for (std::int64_t p = 0; p < head.columns; ++p) {
      if (head.targets[p] >= 0) to[buffers.predicted[p]] = from[p];
    }
  }
}

// The head's input.
void final_norm(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
                const TransformerBuffers& buffers, const PredictedTokens& head) {
  const NormShape norm = final_norm_shape(shape, head);
  norm_forward(norm, head.x, weights.final_norm, weights.final_norm_bias, buffers.final_unit,
               buffers.final_inverse, buffers.final_norm);
  scale_rows(norm.features, norm.columns, norm.stride, shape.logit_scale, buffers.final_norm);
}

// body(first column, columns) for every stretch of tokens whose logits are made at once.
template <class Body>
void for_each_head_stretch(const TransformerBuffers& buffers, const PredictedTokens& head,
                           const Body& body) {
  for (std::int64_t first = 0; first < head.columns; first += buffers.head_columns) {
    const std::int64_t left = head.columns - first;
    body(first, left < buffers.head_columns ? left : buffers.head_columns);
  }
}

// Losses of the tokens first .. first + columns; leaves buffers.logits and sums as cross_entropy.h
// says.
void stretch_losses(const TransformerPassShape& shape,
                    const TransformerTensors<const float>& weights,
                    const TransformerBuffers& buffers, const PredictedTokens& head,
                    std::int64_t first, std::int64_t columns) {
  const std::int64_t d = shape.config.width, vocab = shape.config.vocab;
  gemm(vocab, columns, d, {weights.head, d, 1}, {buffers.final_norm + first, head.stride, 1},
       buffers.logits, buffers.head_columns, false);
  cross_entropy({vocab, columns, buffers.head_columns}, buffers.logits, head.targets + first,
                head.losses + first, buffers.sums + first);
}

// sums become the factor that makes gradients of what cross_entropy left.
void gradient_factors(const TransformerPassShape& shape, const TransformerBuffers& buffers,
                      const PredictedTokens& head, std::int64_t first, std::int64_t columns) {
  for (std::int64_t t = first; t < first + columns; ++t) {
    buffers.sums[t] = head.targets[t] < 0 ? 0.0f : shape.gradient_scale / buffers.sums[t];
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
void stretch_gradients(const TransformerPassShape& shape,
                       const TransformerTensors<const float>& weights,
                       const TransformerBuffers& buffers,
                       const TransformerTensors<float>& d_weights, const PredictedTokens& head,
                       std::int64_t first, std::int64_t columns) {
  const std::int64_t d = shape.config.width, vocab = shape.config.vocab;
  float *d_input = buffers.scratch.d_narrow + first, *input = buffers.final_norm + first;
  gradient_factors(shape, buffers, head, first, columns);
  gemm(d, columns, vocab, {weights.head, 1, d}, {buffers.logits, buffers.head_columns, 1}, d_input,
       head.stride, false);
  scale_by_column(d, columns, head.stride, buffers.sums + first, d_input);
  scale_by_column(d, columns, head.stride, buffers.sums + first, input);
  gemm(vocab, d, columns, {buffers.logits, buffers.head_columns, 1}, {input, 1, head.stride},
       d_weights.head, d, true);
}

}  // namespace

void head_losses(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
                 const TransformerBuffers& buffers, const TokenChunk& chunk) {
  const PredictedTokens head = predicted_of(shape, buffers, chunk);
  final_norm(shape, weights, buffers, head);
  for_each_head_stretch(buffers, head, [&](std::int64_t first, std::int64_t columns) {
    stretch_losses(shape, weights, buffers, head, first, columns);
  });
  scatter_losses(buffers, head, chunk);
}

void head_gradients(const TransformerPassShape& shape,
                    const TransformerTensors<const float>& weights,
                    const TransformerBuffers& buffers, const TransformerTensors<float>& d_weights,
                    const TokenChunk& chunk) {
  const PredictedTokens head = predicted_of(shape, buffers, chunk);
  final_norm(shape, weights, buffers, head);
  for_each_head_stretch(buffers, head, [&](std::int64_t first, std::int64_t columns) {
    stretch_losses(shape, weights, buffers, head, first, columns);
    stretch_gradients(shape, weights, buffers, d_weights, head, first, columns);
  });
  const NormShape norm = final_norm_shape(shape, head);
  scale_rows(norm.features, norm.columns, norm.stride, shape.logit_scale, buffers.scratch.d_narrow);
  norm_backward(norm, buffers.scratch.d_narrow, buffers.final_unit, buffers.final_inverse,
                weights.final_norm, d_weights.final_norm, d_weights.final_norm_bias, head.d_x,
                /*accumulate=*/false);
  scatter_losses(buffers, head, chunk);
  scatter_gradient(shape, buffers, head, chunk);
}

}  // namespace isoflop::ISOFLOP_ISA
