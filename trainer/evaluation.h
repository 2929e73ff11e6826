// The loss of a model on held-out windows.
//
//   loss   mean over windows of the window's mean cross-entropy, nats per token
//   error  standard deviation of the window means / sqrt(windows): windows, not tokens, are the
//          independent draws
//   bits per byte = loss / ln 2 / (bytes per token)
//   excess = mean[ln p_true - ln p_model], where the source's law is known: the data's own noise
//            cancels, so it is far more precise than loss - entropy
//
// The processes of a trial share out the windows; each gets all results, with the bits of one
// process where a window's loss does not depend on its neighbours (the kernels).
#ifndef ISOFLOP_TRAINER_EVALUATION_H_
#define ISOFLOP_TRAINER_EVALUATION_H_

#include <vector>

#include "core/trial_runner.h"
#include "data/token_source.h"
#include "model/transformer.h"
#include "trainer/ranks.h"

namespace isoflop {

// On every held-out window; one entry a set of the source, the whole ("heldout") first.
std::vector<Evaluation> evaluate(TransformerImpl& model, const TokenSource& source, Ranks& ranks);

// On `windows` windows spread evenly over all of them: a quick look at the whole.
Evaluation glance(TransformerImpl& model, const TokenSource& source, std::int64_t windows,
                  Ranks& ranks);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_EVALUATION_H_
