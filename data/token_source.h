// What a trainer sees of data: windows of token ids, by number.
//
// A window is context + 1 tokens; the first `context` are inputs and the last `context` are what is
// predicted. Training windows come in a seeded order in which none occurs twice; window i of that
// order can be asked for directly, so that a trial can stop and go on, and trials of different
// length share their beginning. Held-out windows are a fixed set, the same for every trial of a
// corpus and context whatever its seed.
//
// Shapes: `tokens` is [count x (context + 1)], row by row. Threads: all calls are const and safe
// from any number. Errors: Error(kFailed) when a window beyond the last is asked for: repeating
// data is the caller's decision, and it can see train_windows().
#ifndef ISOFLOP_DATA_TOKEN_SOURCE_H_
#define ISOFLOP_DATA_TOKEN_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/corpus_manifest.h"
#include "core/trial.h"

namespace isoflop {

class TokenSource {
 public:
  virtual ~TokenSource() = default;

  virtual std::int64_t vocab() const = 0;
  virtual std::int64_t context() const = 0;

  // Training windows in one epoch.
  virtual std::int64_t train_windows() const = 0;
  // Fills as many windows as `tokens` has room for, from number `first` of the seeded order.
  virtual void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const = 0;
  // Predictions in one epoch: beyond these, data repeat.
  std::int64_t unique_tokens() const { return train_windows() * context(); }

  // How many held-out windows there are: what was asked for, or all there are if fewer.
  virtual std::int64_t heldout_windows() const = 0;
  virtual void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const = 0;

  // Sources whose law is known: ln p(token | the window's earlier tokens) for each of the `context`
  // predictions of held-out window i. False, and `out` untouched, where it is not known.
  virtual bool heldout_true_log_probs(std::int64_t i, std::span<double> out) const = 0;
  // The expectation of minus those, nats per predicted token: no model can do better on average.
  virtual std::optional<double> entropy_rate() const = 0;

  // Bytes of text a token stands for, where there is text.
  virtual std::optional<double> bytes_per_token() const = 0;
};

// Throws Error(kFailed) unless 0 <= i < windows; `which` is "training window" or "held-out window".
void check_window(const char* which, std::int64_t i, std::int64_t windows);

// The source that a trial names, in its context and seeded by its seed. For text, `corpus_dir`
// holds the tokens and `manifest` describes them; neither is used for synthetic data. Throws
// Error(kUsage) when the corpus is not the one that the trial was made for, the vocabulary does not
// match the model's, or the source is unknown; Error(kRefused, "corpus_too_small") when no window
// fits.
std::unique_ptr<TokenSource> make_token_source(const Trial& trial, const std::string& corpus_dir,
                                               const CorpusManifest& manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TOKEN_SOURCE_H_
