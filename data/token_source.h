// What a trainer sees of data: windows of token ids, by number.
//
// A window is context + 1 tokens; the first `context` are inputs and the last `context` are what is
// predicted. Training windows come in a seeded order in which none occurs twice in an epoch; beyond
// train_windows() the next epoch follows, in another order. Window i of that endless row can be
// asked for directly, so that a trial can stop and go on, and trials of different length share
// their beginning. Held-out windows are a fixed set, the same for every trial of a corpus and
// context whatever its seed; they may be asked for in named sets.
//
// Data repeat silently: how often they may is the caller's decision, and passes() tells it. A trial
// may cap its distinct tokens (data.unique_tokens): an epoch is then that many, the same ones
// whatever the seed.
//
// Shapes: `tokens` is [count x (context + 1)], row by row. Threads: all calls are const and safe
// from any number. Errors: Error(kFailed) when a training window before the first or a held-out
// window beyond the last is asked for.
#ifndef ISOFLOP_DATA_TOKEN_SOURCE_H_
#define ISOFLOP_DATA_TOKEN_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"
#include "core/trial.h"
#include "data/word_starts.h"

namespace isoflop {

// What a trial has seen of the training data.
struct Passes {
  double unique_tokens = 0;  // distinct predictions among those trained on
  double epochs = 0;         // passes over the data; over the part most often seen, in a mixture
};

// Held-out windows [first, first + count) of a source, under a name.
struct HeldoutSet {
  std::string name;
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::optional<double> bytes_per_token;
};

class TokenSource {
 public:
  virtual ~TokenSource() = default;

  virtual std::int64_t vocab() const = 0;
  virtual std::int64_t context() const = 0;

  // Training windows before the first that was seen already: an epoch, or, in a mixture, what comes
  // before any part's second epoch.
  virtual std::int64_t train_windows() const = 0;
  // Fills as many windows as `tokens` has room for, from number `first` of the seeded order.
  virtual void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const = 0;
  // Predictions in those windows: beyond these, data repeat.
  std::int64_t unique_tokens() const { return train_windows() * context(); }
  // What the first `windows` training windows hold.
  virtual Passes passes(std::int64_t windows) const;

  // How many held-out windows there are: what was asked for, or all there are if fewer.
  virtual std::int64_t heldout_windows() const = 0;
  virtual void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const = 0;
  // The first is the whole, "heldout"; in a mixture "heldout:NAME" of each part follows, none
  // empty. One pass over the whole gives the loss on every set.
  virtual std::vector<HeldoutSet> heldout_sets() const;

  // Sources whose law is known: ln p(token | the window's earlier tokens) for each of the `context`
  // predictions of held-out window i. False, and `out` untouched, where it is not known.
  virtual bool heldout_true_log_probs(std::int64_t i, std::span<double> out) const = 0;
  // The expectation of minus those, nats per predicted token: no model can do better on average.
  virtual std::optional<double> entropy_rate() const = 0;

  // Bytes of text a token stands for, where there is text.
  virtual std::optional<double> bytes_per_token() const = 0;

  // Which of its tokens begin a word. Throws Error(kUsage) where that is not known.
  virtual WordStarts word_starts() const;
};

// Throw Error(kFailed) unless 0 <= i, and i < windows.
void check_train_window(std::int64_t i);
void check_heldout_window(std::int64_t i, std::int64_t windows);

// Reads the manifest in a prepared corpus' folder (io/manifest_json.h).
using ReadManifest = std::function<CorpusManifest(const std::string& corpus_dir)>;

// The source that a trial names, in its context and seeded by its seed. For text, `corpus_dir`
// holds a prepared corpus or a mixture of some; it is not looked at for synthetic data. Throws
// Error(kUsage) when the corpus is not the one that the trial was made for, the vocabulary does not
// match the model's, or the source is unknown; Error(kRefused, "corpus_too_small") when no window
// fits.
std::unique_ptr<TokenSource> make_token_source(const Trial& trial, const std::string& corpus_dir,
                                               const ReadManifest& read_manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_TOKEN_SOURCE_H_
