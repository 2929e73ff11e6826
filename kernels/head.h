// The end of a transformer: final norm, head and cross-entropy on one chunk of tokens, with their
// gradients. Of a masked model these see only the tokens that are predicted, side by side.
#ifndef ISOFLOP_KERNELS_HEAD_H_
#define ISOFLOP_KERNELS_HEAD_H_

#include <cstdint>

#include "kernels/transformer.h"

namespace isoflop {

// One chunk of a pass, and where its tokens are.
struct TokenChunk {
  std::int64_t index;
  TokenGrid grid;
  float *x, *d_x;                        // [d, stride]
  const std::int32_t *inputs, *targets;  // [stride]
  float* losses;                         // [stride]
};

namespace ISOFLOP_ISA {

// Fills chunk.losses from chunk.x.
void head_losses(const TransformerPassShape& shape, const TransformerTensors<const float>& weights,
                 const TransformerBuffers& buffers, const TokenChunk& chunk);

// The same, fills chunk.d_x, and adds to the weights' gradients.
void head_gradients(const TransformerPassShape& shape,
                    const TransformerTensors<const float>& weights,
                    const TransformerBuffers& buffers, const TransformerTensors<float>& d_weights,
                    const TokenChunk& chunk);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_HEAD_H_
