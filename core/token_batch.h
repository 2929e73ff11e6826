// What a model is given for one forward and backward pass: sequences of token ids and what is to be
// predicted at which of them. data/batch_maker.h makes them of a source's windows.
//
// Shapes: B sequences of T tokens, row by row. A target of -1 is not predicted. The loss is a mean
// over all targets that are not -1, nats.
#ifndef ISOFLOP_CORE_TOKEN_BATCH_H_
#define ISOFLOP_CORE_TOKEN_BATCH_H_

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

struct TokenBatch {
  std::int64_t sequences = 0;         // B
  std::int64_t length = 0;            // T
  std::vector<std::int32_t> inputs;   // [B x T]
  std::vector<std::int32_t> targets;  // [B x T]

  // Next-sentence prediction; empty without it.
  std::vector<std::int32_t> segments;  // [B x T], 0 or 1: the sentence that a token is of
  std::vector<std::int32_t> follows;   // [B], 1: the second sentence is the first's own next
};

// The batch of an autoregressive model: `windows` is [B x (length + 1)], and each token is
// predicted from those before it. Throws Error(kUsage) for tokens that are not whole windows.
TokenBatch next_token_batch(std::span<const std::int32_t> windows, std::int64_t length);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_TOKEN_BATCH_H_
