// A whole transformer, forward and backward, on a few windows of tokens: embedding, blocks, norm,
// head, cross-entropy and every gradient.
//
// Activations are feature-major: a row for each feature, a column for each token. Norms, softmaxes
// and rotations then work on whole vectors of tokens, so that widths and head sizes need not be
// multiples of anything, and all matrix products but the gradients of weights take their operands
// as they lie.
//
// The logits are made for `head_columns` tokens at a time, so that a large vocabulary takes no more
// memory than a small one. A masked model's final norm and head see only the tokens that are
// predicted, gathered side by side.
//
// A layer's experts take the tokens of all chunks at once (experts.h), all else a chunk at a time.
// Dense models and evaluation have one chunk in a call.
#ifndef ISOFLOP_KERNELS_TRANSFORMER_H_
#define ISOFLOP_KERNELS_TRANSFORMER_H_

#include <cstdint>

#include "core/router_stats.h"
#include "kernels/block.h"
#include "kernels/experts.h"

namespace isoflop {

template <class Float>
struct TransformerTensors {
  Float* embedding;  // [V, d]
  Float* positions;  // [S, d], or null
  const BlockTensors<Float>* blocks;
  Float *final_norm, *final_norm_bias;  // [d]
  Float* head;                          // [V, d]; the embedding where tied
};

// Of sparse models, what its layers share.
struct RoutedScratch {
  ExpertsScratch block;
  float* d_in;      // [chunks][d, stride]
  float* d_gates;   // [chunks][k, stride]
  float* d_shares;  // [E]
};

struct TransformerBuffers {
  // [layers][chunks that there is room for]; without gradients only the first layer's are used.
  const BlockState* blocks;
  std::int64_t room;            // chunks
  const ExpertsState* experts;  // [layers], of sparse models
  BlockScratch scratch;
  RoutedScratch routed;
  RouterStats* router_stats;                       // [layers], of sparse models
  float* x;                                        // [chunks][d, stride], the residual stream
  float *final_unit, *final_inverse, *final_norm;  // [d, stride], [1, stride], [d, stride]
  float* d_x;                                      // [chunks][d, stride]
  float* by_token;                                 // [columns of a chunk, d]
  float* logits;                                   // [V, head_columns]
  float* sums;                                     // [stride], then 1 / sums
  float* losses;                                   // [chunks][stride]
  std::int32_t *inputs, *targets;                  // [chunks][stride]; -1 where there is no token
  std::int64_t head_columns;                       // a multiple of 16
  // Masked models: which columns are predicted, as what, and the losses of these, each [stride].
  std::int32_t *predicted, *predicted_targets;
  float* predicted_losses;
};

struct TransformerPassShape {
  ModelConfig config;
  TokenChunks tokens;
  float logit_scale;
  float gradient_scale;                  // of the sum over tokens
  ExpertsShape experts{};                // of sparse models
  float balance_scale = 0, z_scale = 0;  // of a layer's balance, and of (ln sum exp l)^2 of a token
};

namespace ISOFLOP_ISA {

// Fills buffers.losses and router_stats. Sparse models: without gradients nothing is dropped.
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
