// Windows of a prepared corpus.
//
// A block of n tokens holds (n - 1) / context windows: window w starts at token w * context of its
// block, so that every token is predicted at most once an epoch and no window crosses the edge of a
// block. An epoch sees the windows of all training blocks, or the same few of them where there is a
// cap, in its own order (data/window_order.h).
//
// Held-out windows are spread evenly over all windows of the held-out blocks.
#ifndef ISOFLOP_DATA_TEXT_SOURCE_H_
#define ISOFLOP_DATA_TEXT_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"
#include "data/split.h"
#include "data/token_file.h"
#include "data/token_source.h"
#include "data/window_order.h"

namespace isoflop {

struct TextSourceOptions {
  std::int64_t context = 128;          // tokens
  std::int64_t order_seed = 1;         // of the training order
  std::int64_t unique_windows = 0;     // training windows to repeat; 0: all, once an epoch
  std::int64_t heldout_windows = 512;  // wanted; fewer if the corpus has fewer
};

class TextSource : public TokenSource {
 public:
  // Throws as TokenFile does, and Error(kRefused, "corpus_too_small") when context + 1 tokens do
  // not fit in a block.
  TextSource(const std::string& corpus_dir, const CorpusManifest& manifest,
             const TextSourceOptions& options);

  std::int64_t vocab() const override { return vocab_; }
  std::int64_t context() const override { return context_; }
  std::int64_t train_windows() const override { return order_.size(); }
  void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const override;
  std::int64_t heldout_windows() const override { return heldout_windows_; }
  void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const override;
  bool heldout_true_log_probs(std::int64_t, std::span<double>) const override { return false; }
  std::optional<double> entropy_rate() const override { return std::nullopt; }
  std::optional<double> bytes_per_token() const override { return bytes_per_token_; }
  WordStarts word_starts() const override { return read_word_starts(corpus_dir_, tokenizer_); }

  // Where windows lie in the corpus: their first token. Training windows go on for ever.
  std::int64_t train_window_start(std::int64_t ordinal) const;
  std::int64_t heldout_window_start(std::int64_t i) const;

 private:
  TokenFile file_;
  std::string corpus_dir_;
  CorpusManifest tokenizer_;  // name and tokenizer only
  BlockSplit split_;
  std::int64_t vocab_;
  std::int64_t context_;
  std::int64_t block_windows_;  // of a full block
  std::int64_t all_heldout_windows_;
  std::int64_t heldout_windows_;
  std::optional<double> bytes_per_token_;
  WindowOrder order_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TEXT_SOURCE_H_
