// From a source's windows to what a model is given (core/token_batch.h).
//
//   autoregressive   each of a window's context tokens, and the one after it to be predicted
//   masked           the window's first context tokens, some of them masked (data/masking.h)
//   next sentence    [CLS] A [SEP] B [SEP]: A and B are the halves of the window's first context -
//   3
//                    tokens, A the shorter one; with probability 1/2 B is that of another window.
//                    Segments are 0 up to the first [SEP] and 1 after it; follows says whether B is
//                    A's own. Ids: [CLS] vocab - 3, [SEP] vocab - 2, [MASK] vocab - 1 of the model
//
// Another window: of training, any other of the same epoch (whether or not the trial comes to it);
// of held-out ones, any other of those.
//
// What is drawn for a training window is drawn from (trial.seed, its number) and from nothing else,
// for a held-out one from its number, the same for every trial: batches do not depend on how they
// are cut, on where a trial went on, nor on the process.
//
// Memory is taken once for a size. Not thread-safe: one object a thread. Errors: those of the
// source; Error(kUsage) where whole words are asked for and not known (data/word_starts.h);
// Error(kRefused, "corpus_too_small") where next sentences need another window and there is none.
#ifndef ISOFLOP_DATA_BATCH_MAKER_H_
#define ISOFLOP_DATA_BATCH_MAKER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/token_batch.h"
#include "core/trial.h"
#include "data/masking.h"
#include "data/token_source.h"

namespace isoflop {

class BatchMaker {
 public:
  // `source` outlives it.
  BatchMaker(const Trial& trial, const TokenSource& source);

  const TokenSource& source() const { return source_; }
  const ModelConfig& model() const { return model_; }

  // Training windows first, first + 1, ..., `count` of them.
  void train(std::int64_t first, std::int64_t count, TokenBatch& out);
  void heldout(std::span<const std::int64_t> windows, TokenBatch& out);

 private:
  enum class Part { kTrain, kHeldout };
  void begin(std::size_t count, TokenBatch& out);
  void add(std::size_t row, Part part, std::int64_t number, TokenBatch& out);
  std::span<const std::int32_t> window(std::size_t row) const;
  void write_sentences(std::size_t row, Part part, std::int64_t number, SplitMix64& random,
                       TokenBatch& out);
  std::span<const std::int32_t> another(Part part, std::int64_t number, SplitMix64& random);

  const TokenSource& source_;
  ModelConfig model_;
  std::uint64_t seed_;
  std::optional<Masking> masking_;
  std::vector<std::int32_t> windows_, other_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_BATCH_MAKER_H_
