#include "data/token_source.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "data/mixture_source.h"
#include "data/text_source.h"
#include "data/zipf_source.h"

namespace isoflop {

Passes TokenSource::passes(std::int64_t windows) const {
  const std::int64_t distinct = std::min(windows, train_windows());
  return {.unique_tokens = static_cast<double>(distinct * context()),
          .epochs = static_cast<double>(windows) / static_cast<double>(train_windows())};
}

std::vector<HeldoutSet> TokenSource::heldout_sets() const {
  return {{.name = "heldout",
           .first = 0,
           .count = heldout_windows(),
           .bytes_per_token = bytes_per_token()}};
}

WordStarts TokenSource::word_starts() const {
  throw usage_error("train.whole_words: these data have no words: leave it out");
}

void check_train_window(std::int64_t i) {
  if (i >= 0) return;
  throw failure("training window " + std::to_string(i) + ": windows are counted from 0");
}

void check_heldout_window(std::int64_t i, std::int64_t windows) {
  if (i >= 0 && i < windows) return;
  throw failure("held-out window " + std::to_string(i) + ": the source has " +
                std::to_string(windows) + ": evaluate on fewer or prepare a larger corpus");
}

namespace {

// The cap in whole windows; 0: none.
std::int64_t unique_windows(const Trial& trial) {
  return std::llround(unique_cap_of(trial) / static_cast<double>(trial.model.context));
}

std::unique_ptr<TokenSource> text_source(const Trial& trial, const std::string& corpus_dir,
                                         const ReadManifest& read_manifest) {
  const CorpusManifest manifest = read_manifest(corpus_dir);
  if (trial.data.hash != manifest.identity()) {
    throw usage_error("corpus " + manifest.name + ": " + corpus_dir +
                      ": is not the corpus of this trial (has " +
                      manifest.identity().substr(0, 12) + ", the trial names " +
                      (trial.data.hash.empty() ? "none" : trial.data.hash.substr(0, 12)) +
                      "): name the corpus that the sweep was made with");
  }
  const TextSourceOptions options{.context = trial.model.context,
                                  .order_seed = trial.seed,
                                  .unique_windows = unique_windows(trial),
                                  .heldout_windows = trial.eval_windows};
  if (manifest.parts.empty()) return std::make_unique<TextSource>(corpus_dir, manifest, options);
  return std::make_unique<MixtureSource>(corpus_dir, manifest, options, read_manifest);
}

std::unique_ptr<TokenSource> source_of(const Trial& trial, const std::string& corpus_dir,
                                       const ReadManifest& read_manifest) {
  if (trial.data.source == "text") return text_source(trial, corpus_dir, read_manifest);
  if (trial.data.source == "zipf") {
    return std::make_unique<ZipfSource>(trial.data,
                                        ZipfSourceOptions{.context = trial.model.context,
                                                          .order_seed = trial.seed,
                                                          .heldout_windows = trial.eval_windows,
                                                          .unique_windows = unique_windows(trial)});
  }
  throw usage_error("data.source: \"" + trial.data.source + "\" is not known: give text or zipf");
}

}  // namespace

std::unique_ptr<TokenSource> make_token_source(const Trial& trial, const std::string& corpus_dir,
                                               const ReadManifest& read_manifest) {
  auto source = source_of(trial, corpus_dir, read_manifest);
  const std::int64_t special = special_tokens(trial.model);
  if (source->vocab() + special > trial.model.vocab) {
    throw usage_error("model.vocab: " + std::to_string(trial.model.vocab) + " is less than the " +
                      std::to_string(source->vocab()) + " ids of the data" +
                      (special > 0 ? " and the model's own " + std::to_string(special) : "") +
                      ": set model.vocab to " + std::to_string(source->vocab() + special));
  }
  return source;
}

}  // namespace isoflop
