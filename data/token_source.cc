#include "data/token_source.h"

#include "core/error.h"
#include "data/text_source.h"
#include "data/zipf_source.h"

namespace isoflop {

void check_window(const char* which, std::int64_t i, std::int64_t windows) {
  if (i >= 0 && i < windows) return;
  throw failure(std::string(which) + " " + std::to_string(i) + ": the source has " +
                std::to_string(windows) + ": train on fewer tokens or prepare a larger corpus");
}
namespace {

std::unique_ptr<TokenSource> text_source(const Trial& trial, const std::string& corpus_dir,
                                         const CorpusManifest& manifest) {
  if (trial.data.hash != manifest.identity()) {
    throw usage_error("corpus " + manifest.name + ": " + corpus_dir +
                      ": is not the corpus of this trial (has " +
                      manifest.identity().substr(0, 12) + ", the trial names " +
                      (trial.data.hash.empty() ? "none" : trial.data.hash.substr(0, 12)) +
                      "): name the corpus that the sweep was made with");
  }
  return std::make_unique<TextSource>(corpus_dir, manifest,
                                      TextSourceOptions{.context = trial.model.context,
                                                        .order_seed = trial.seed,
                                                        .heldout_windows = trial.eval_windows});
}

std::unique_ptr<TokenSource> source_of(const Trial& trial, const std::string& corpus_dir,
                                       const CorpusManifest& manifest) {
  if (trial.data.source == "text") return text_source(trial, corpus_dir, manifest);
  if (trial.data.source == "zipf") {
    return std::make_unique<ZipfSource>(trial.data,
                                        ZipfSourceOptions{.context = trial.model.context,
                                                          .order_seed = trial.seed,
                                                          .heldout_windows = trial.eval_windows});
  }
  throw usage_error("data.source: \"" + trial.data.source + "\" is not known: give text or zipf");
}

}  // namespace

std::unique_ptr<TokenSource> make_token_source(const Trial& trial, const std::string& corpus_dir,
                                               const CorpusManifest& manifest) {
  auto source = source_of(trial, corpus_dir, manifest);
  if (source->vocab() > trial.model.vocab) {
    throw usage_error("model.vocab: " + std::to_string(trial.model.vocab) + " is less than the " +
                      std::to_string(source->vocab()) + " ids of the data: set model.vocab to it");
  }
  return source;
}

}  // namespace isoflop
