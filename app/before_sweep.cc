#include "app/before_sweep.h"

#include <set>
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

std::vector<Trial> trials_left(const Store& store, const std::string& study) {
  std::vector<Trial> trials;
  for (const TrialRow& row : store.trials(study)) {
    if (row.state == "planned" || row.state == "running") trials.push_back(row.trial);
  }
  return trials;
}

// Also those of an earlier grid, whose trials stay in the study.
std::vector<CorpusFact> corpora_of(const Store& store, const std::vector<Trial>& trials) {
  std::set<std::string> hashes;
  for (const Trial& trial : trials) {
    if (trial.data.source == "text" && trial.trainer != "tabular") hashes.insert(trial.data.hash);
  }
  std::vector<CorpusFact> corpora;
  for (const std::string& hash : hashes) {
    // A worker that meets one that is not known says what to do.
    if (const auto row = store.find_corpus(hash)) corpora.push_back({row->path, hash});
  }
  return corpora;
}

}  // namespace

void check_before_sweep(const std::string& study, const RunOptions& options) {
  const Store store(options.db, StoreMode::kReadOnly);
  const std::vector<Trial> trials = trials_left(store, study);
  if (trials.empty()) return;
  const PreflightPlaces places{
      .db = options.db,
      .checkpoint_dir = options.checkpoints ? options.db + ".checkpoints" : "",
      .corpora = corpora_of(store, trials),
      .open_corpus = open_corpus_in};
  const int cores = static_cast<int>(usable_cores().size());
  const PreflightNeeds needs{.trials = trials,
                             .workers = options.workers > 0 ? options.workers : cores,
                             .on_cpu = options.device == "cpu"};
  for (const std::string& note : preflight(gather_facts(places), needs)) say("note: " + note);
}

}  // namespace isoflop
