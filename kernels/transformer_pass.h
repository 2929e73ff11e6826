// What model/ calls: losses and gradients of a transformer by the kernels of this room, on one
// core.
//
// Windows are taken a few at a time: M = max(128, 2 d) tokens or one window of S, whichever is
// more. That keeps the activations near the core, and bounds memory whatever the batch:
//
//   about 4 bytes x M x [L (10 d + 2 f) + 8 d + max(3 d, f)], for h k = d and GELU
//   + for attention 2 bytes x L h S^2 x windows at once where S <= 512, else 128 bytes x S;
//     twice that for masked models, which see the whole window
//   + for logits 4 bytes x V M, but at most 2 MiB or 64 bytes x V
//
// Gradients of a sparse model need every layer's choices of the whole batch, for balance and
// capacity: the parts that treat tokens alone still take M at a time, but all activations of the
// batch are kept, so that M there is all its tokens, and f stands for k f / G + s f / G.
//
// It is taken when first needed, and nothing is allocated after that.
//
// The loss of a window has the same bits whichever windows are evaluated with it; in evaluation no
// expert drops a token (model/experts.h). Next-sentence prediction is not here. Not thread-safe:
// one object for each thread.
#ifndef ISOFLOP_KERNELS_TRANSFORMER_PASS_H_
#define ISOFLOP_KERNELS_TRANSFORMER_PASS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "core/router_stats.h"
#include "core/token_batch.h"
#include "kernels/kernels.h"

namespace isoflop {

struct PassLosses {
  double loss = 0;          // mean cross-entropy, nats
  RouterStats router = {};  // of sparse models
};

class TransformerPass {
 public:
  explicit TransformerPass(const ModelConfig& config, const Kernels& kernels = best_kernels());
  ~TransformerPass();
  TransformerPass(TransformerPass&&) noexcept;
  TransformerPass& operator=(TransformerPass&&) noexcept;

  // Batches are of B sequences of S = context tokens. Throws Error(kUsage) for a token outside of
  // the vocabulary, another length, and a batch that predicts nothing.
  //
  // Adds scale x the gradient of the mean cross-entropy to d_weights, of sparse models with the
  // router's losses x their weights.
  PassLosses add_gradients(const TransformerTensors<const float>& weights,
                           const TransformerTensors<float>& d_weights, const TokenBatch& batch,
                           double scale, const RouterLossWeights& router = {});
  // Cross-entropy of every target, nats, into losses [B x S]; 0 where nothing is predicted.
  void token_losses(const TransformerTensors<const float>& weights, const TokenBatch& batch,
                    std::span<float> losses);

 private:
  class Workspace;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_TRANSFORMER_PASS_H_
