// A whole decoder, forward and backward, on a few windows of tokens: embedding, blocks, norm, head,
// cross-entropy and every gradient.
//
// Activations are feature-major: a row for each feature, a column for each token. Norms, softmaxes
// and rotations then work on whole vectors of tokens, so that widths and head sizes need not be
// multiples of anything, and all matrix products but the gradients of weights take their operands
// as they lie.
//
// The logits are made for `head_columns` tokens at a time, so that a large vocabulary takes no more
// memory than a small one.
#ifndef ISOFLOP_KERNELS_TRANSFORMER_H_
#define ISOFLOP_KERNELS_TRANSFORMER_H_

#include <cstdint>

#include "kernels/block.h"

namespace isoflop {

template <class Float>
struct TransformerTensors {
  Float* embedding;  // [V, d]
  Float* positions;  // [S, d], or null
  const BlockTensors<Float>* blocks;
  Float *final_norm, *final_norm_bias;  // [d]
  Float* head;                          // [V, d]; the embedding where tied
};

struct TransformerBuffers {
  const BlockState* blocks;  // without gradients only the first is used
  BlockScratch scratch;
  float* x;                                        // [d, stride], the residual stream
  float *final_unit, *final_inverse, *final_norm;  // [d, stride], [1, stride], [d, stride]
  float* d_x;                                      // [d, stride]
  float* by_token;                                 // [columns, d]
  float* logits;                                   // [V, head_columns]
  float* sums;                                     // [stride], then 1 / sums
  float* losses;                                   // [stride]
  std::int32_t *inputs, *targets;                  // [stride]; -1 where there is no token
  std::int64_t head_columns;                       // a multiple of 16
};

struct TransformerPassShape {
  ModelConfig config;
  TokenGrid grid;
  float logit_scale;
  float gradient_scale;  // of the sum over tokens
};

namespace ISOFLOP_ISA {

// Fills buffers.losses.
void transformer_losses(const TransformerPassShape& shape,
                        const TransformerTensors<const float>& weights,
                        const TransformerBuffers& buffers);

// The same, and adds gradient_scale x the gradient of the sum of the losses to d_weights.
void transformer_gradients(const TransformerPassShape& shape,
                           const TransformerTensors<const float>& weights,
                           const TransformerBuffers& buffers,
                           const TransformerTensors<float>& d_weights);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_TRANSFORMER_H_
