// A run as trackers keep it (MLflow, TensorBoard, CSV and JSON loggers): named series of numbers by
// step, and facts (parameters, hyperparameters) as texts by name. Which name means what is decided
// here: as ImportOptions::map says, else by usual names.
//
// Names are compared in lower case with '/', '.', '-' and spaces as '_': "eval/loss", "eval-loss"
// and "eval_loss" are one name. A held-out loss is "val_loss", "eval_loss", "validation_loss",
// "heldout_loss" or the like, or else the only name that begins with eval_ or val_ and ends with
// _loss; of several the user must name one.
#ifndef ISOFLOP_IMPORTS_TRACKER_RUN_H_
#define ISOFLOP_IMPORTS_TRACKER_RUN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "imports/logged_run.h"

namespace isoflop {

struct TrackedValue {
  std::int64_t step = 0;
  double value = 0;    // NaN where the run said so
  double seconds = 0;  // Unix time; 0: unknown
};

struct TrackerRun {
  std::string source_id = {};
  std::string label = {};  // empty: source_id
  std::int64_t line = 0;
  std::map<std::string, std::vector<TrackedValue>> metrics = {};  // in the order they were written
  std::map<std::string, std::string> facts = {};
  std::string why_not = {};  // "its status is RUNNING"
  Json said = Json::object();
};

// A map with a metric that the run does not have is a lack of this run.
LoggedRun logged_run_of(TrackerRun run, const ImportOptions& options);

// All of them, with the unit of the loss: bits per byte where the named loss says so ("eval/bpb").
void add_tracker_runs(RunImport& read, std::vector<TrackerRun> runs, const ImportSource& source,
                      const ImportOptions& options);

// Adds what a JSON object holds to the facts and to what is said: numbers of inner objects under
// their own last name, not deeper than four.
void add_json_facts(const Json& object, TrackerRun& run);

// Whether a table with such a column is somebody's tracked training.
bool is_usual_train_loss(std::string_view name);
bool is_usual_heldout_loss(std::string_view name);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TRACKER_RUN_H_
