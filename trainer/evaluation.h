// The loss of a model on held-out windows.
//
//   loss   mean over windows of the window's mean cross-entropy, nats per predicted token
//   error  standard deviation of the window means / sqrt(windows): windows, not tokens, are the
//          independent draws
//   bits per byte = loss / ln 2 / (bytes per token)
//   excess = mean[ln p_true - ln p_model], where the source's law is known: the data's own noise
//            cancels, so it is far more precise than loss - entropy
//
// Of a masked model a window's predictions are its masked tokens, the same for every trial. Their
// loss is no code length of the text (each is predicted from most of the others), so that bits per
// byte and excess are left out. With next-sentence prediction there is an evaluation more,
// "next_sentence": the mean over windows of its cross-entropy, nats, and the share that was right.
#ifndef ISOFLOP_TRAINER_EVALUATION_H_
#define ISOFLOP_TRAINER_EVALUATION_H_

#include <functional>
#include <vector>

#include "core/token_batch.h"
#include "core/trial_runner.h"
#include "data/batch_maker.h"
#include "model/transformer.h"
#include "trainer/ranks.h"

namespace isoflop {

// A model's cross-entropy of every target of a batch, [B x T], and of models with next-sentence
// prediction that of each sequence, [B] (otherwise emptied); batches come in order.
using TokenLosses =
    std::function<std::vector<float>(const TokenBatch&, std::vector<float>& next_sentence)>;
TokenLosses losses_of(TransformerImpl& model);

// On every held-out window of the source; one entry a set of it, the whole ("heldout") first. The
// processes of a trial share out the windows, and each has the result on all.
std::vector<Evaluation> evaluate(const TokenLosses& losses, BatchMaker& batches,
                                 Ranks* ranks = nullptr);

// On `windows` windows spread evenly over all of them: a quick look at the whole.
Evaluation glance(const TokenLosses& losses, BatchMaker& batches, std::int64_t windows,
                  Ranks* ranks = nullptr);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_EVALUATION_H_
