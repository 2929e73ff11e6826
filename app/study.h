// The steps that several verbs share: from a grid's file to trials in a store, from a store to a
// fit.
#ifndef ISOFLOP_APP_STUDY_H_
#define ISOFLOP_APP_STUDY_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/study_convention.h"
#include "core/corpus_manifest.h"
#include "core/grid_spec.h"
#include "core/law_fit.h"
#include "core/trial_runner.h"
#include "db/store.h"
#include "fit/fit_law.h"
#include "report/text_table.h"
#include "sweep/driver.h"
#include "sweep/grid.h"
#include "trainer/transformer_runner.h"

namespace isoflop {

// A prepared corpus: its folder and what is in it.
struct Corpus {
  std::string dir;
  CorpusManifest manifest;
};

// Finds a corpus or a mixture of some by folder, or by name under $ISOFLOP_CORPORA or ./corpora.
// Throws Error(kFailed) that says how to prepare it.
Corpus open_corpus(const std::string& name_or_dir);

// The manifest in a prepared corpus' folder.
CorpusManifest read_manifest_in(const std::string& corpus_dir);

// Fixes a trial key in the grid, in the place of what the file says of it.
void set_fixed(GridSpec& spec, const std::string& key, const std::string& value);

// The grid's trials. `corpus` replaces the grid's own if not empty; it is opened only when the
// trials read text.
struct LoadedGrid {
  GridSpec spec;
  std::optional<Corpus> corpus;
  Grid grid;
};
LoadedGrid load_grid(GridSpec spec, const std::string& corpus);

// Tokens that the corpus has for training in windows of the trial's context; 0: no end to them.
double trainable_tokens(const LoadedGrid& loaded, const Trial& trial);

// C at which a sweep's answer is wanted: the grid's own, or 1,000 times its largest budget. Throws
// Error(kUsage) when it has neither.
double target_of(const GridSpec& spec);

// A runner of every trainer that the program has; each is made when a trial first names it.
std::unique_ptr<TrialRunner> make_runner();
// The same for one of several processes of a trial.
std::unique_ptr<TrialRunner> make_ranked_runner(const TransformerRunnerOptions& options);

// Writes the study and its corpus into the store; then its trials. Nothing is added twice.
void plan_study(Store& store, const LoadedGrid& loaded);
void plan_trials(Store& store, const LoadedGrid& loaded);

// Does both and runs what is left of the study, with progress on stderr.
struct RunOptions {
  std::string db;
  int workers = 0;
  std::string device = "cpu";
  int pack = 0;   // trials that a worker may run at once; 0: 1 on a CPU core, up to 16 on a device
  int stack = 0;  // trials that a worker may train as one model; 0: 1 on a CPU core, else up to 16
  RetryPolicy policy = {};
  bool quiet = false;
  double max_seconds = 0;   // of wall clock; 0: no end
  bool checkpoints = true;  // in <db>.checkpoints
  double checkpoint_seconds = 300;
  double peak_flops = 0;  // of a worker's device, for MFU; 0: a CPU core's is measured
  // Plans the study's first trials; empty: all of the grid's.
  std::function<void()> plan = {};
  // Told how far the sweep is, about twice a second; may plan more trials.
  std::function<void(const SweepStatus&)> watch = [](const SweepStatus&) {};
};
SweepSummary run_study(const LoadedGrid& loaded, const RunOptions& options);

// The study named, or the only one (the newest with a note on stderr when there are several).
std::string choose_study(const Store& store, const std::string& name);

// Fits the study's finished trials and keeps the fit in the store.
LawFit fit_study(Store& store, const std::string& study, const std::string& heldout,
                 FitOptions options);

// One row a trial, numbers at full precision.
TextTable trial_table(const std::vector<TrialRow>& rows);
// The same, rounded for reading.
TextTable short_trial_table(const std::vector<TrialRow>& rows);

// This program's own file, for exec.
std::string own_path();

}  // namespace isoflop

#endif  // ISOFLOP_APP_STUDY_H_
