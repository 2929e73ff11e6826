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

#include "core/trial_runner.h"
#include "data/token_source.h"
#include "model/decoder.h"

namespace isoflop {

// Windows are taken evenly from the source's held-out set, at most `windows` of them.
Evaluation evaluate(DecoderImpl& model, const TokenSource& source, std::int64_t windows,
                    torch::Device device);

// windows int32 [count x (context + 1)] as int64 inputs and targets [count, context] on the device.
struct TokenBatch {
  torch::Tensor inputs;
  torch::Tensor targets;
};
TokenBatch to_batch(std::span<std::int32_t> windows, std::int64_t context, torch::Device device);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_EVALUATION_H_
