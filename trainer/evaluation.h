// The loss of a model on held-out windows.
//
//   loss   mean over windows of the window's mean cross-entropy, nats per token
//   error  standard deviation of the window means / sqrt(windows): windows, not tokens, are the
//          independent draws
//   bits per byte = loss / ln 2 / (bytes per token)
//   excess = mean[ln p_true - ln p_model], where the source's law is known: the data's own noise
//            cancels, so it is far more precise than loss - entropy
#ifndef ISOFLOP_TRAINER_EVALUATION_H_
#define ISOFLOP_TRAINER_EVALUATION_H_

#include <functional>
#include <vector>

#include "core/token_batch.h"
#include "core/trial_runner.h"
#include "data/token_source.h"
#include "model/transformer.h"

namespace isoflop {

// A model's cross-entropy of every target of a batch, [B x T]; batches come in order.
using TokenLosses = std::function<std::vector<float>(const TokenBatch&)>;
TokenLosses losses_of(TransformerImpl& model);

// On every held-out window; one entry a set of the source, the whole ("heldout") first.
std::vector<Evaluation> evaluate(const TokenLosses& losses, const TokenSource& source);

// On `windows` windows spread evenly over all of them: a quick look at the whole.
Evaluation glance(const TokenLosses& losses, const TokenSource& source, std::int64_t windows);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_EVALUATION_H_
