#include "app/before_sweep.h"

#include <string>
#include <vector>

#include "app/output.h"
#include "data/mix_corpora.h"
#include "data/token_file.h"
#include "sweep/preflight.h"

namespace isoflop {
namespace {

// Opening a token file checks it against its manifest.
std::string open_corpus_in(const std::string& dir) {
  const CorpusManifest manifest = read_manifest_in(dir);
  for (const CorpusPart& part : manifest.parts) {
    TokenFile(part_dir(dir, part), read_part(dir, part, read_manifest_in));
  }
  if (manifest.parts.empty()) TokenFile(dir, manifest);
  return manifest.identity();
}

std::vector<Trial> trials_left(const RunOptions& options, const std::string& study) {
  std::vector<Trial> trials;
  for (const TrialRow& row : Store(options.db, StoreMode::kReadOnly).trials(study)) {
    if (row.state == "planned" || row.state == "running") trials.push_back(row.trial);
  }
  return trials;
}

}  // namespace

void check_before_sweep(const LoadedGrid& loaded, const RunOptions& options) {
  const std::vector<Trial> trials = trials_left(options, loaded.spec.name);
  if (trials.empty()) return;
  PreflightPlaces places{.db = options.db, .open_corpus = open_corpus_in};
  if (options.checkpoints) places.checkpoint_dir = options.db + ".checkpoints";
  if (loaded.corpus) {
    places.corpora.push_back(
        {.path = loaded.corpus->dir, .expected_identity = loaded.corpus->manifest.identity()});
  }
  const int cores = static_cast<int>(usable_cores().size());
  const PreflightNeeds needs{.trials = trials,
                             .workers = options.workers > 0 ? options.workers : cores,
                             .on_cpu = options.device == "cpu"};
  for (const std::string& note : preflight(gather_facts(places), needs)) say("note: " + note);
}

}  // namespace isoflop
