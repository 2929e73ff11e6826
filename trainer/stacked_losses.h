// The held-out losses of a stack's trials, computed for all of them at once: held-out windows are
// the same for every trial of a corpus, so that the first trial that asks for a batch of them has
// the others' losses computed too.
#ifndef ISOFLOP_TRAINER_STACKED_LOSSES_H_
#define ISOFLOP_TRAINER_STACKED_LOSSES_H_

#include <cstdint>
#include <vector>

#include "core/token_batch.h"
#include "model/stacked_transformer.h"
#include "trainer/evaluation.h"

namespace isoflop {

class StackedLosses {
 public:
  explicit StackedLosses(StackedTransformer& model) : model_(model) {}

  // For evaluation.h: the losses of trial k. Valid until forget().
  TokenLosses of(std::int64_t k);
  // The weights have changed.
  void forget() { known_.clear(); }

 private:
  struct Known {
    std::vector<std::int32_t> inputs, targets;
    torch::Tensor losses;  // [K, B, T] on the host
  };
  const Known& at(std::size_t place, const TokenBatch& batch);

  StackedTransformer& model_;
  std::vector<Known> known_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_STACKED_LOSSES_H_
