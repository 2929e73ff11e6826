// Runs that other tools have trained, as imports/ reads them and the store keeps them.
//
// One run gives one observation: what it ended with. A log gives its curve too. What the source
// said stays beside what we make of it: the row as it stood (`provenance`), its place in the file,
// and which of N, D and C is not the source's but follows from the others under a named
// convention (`derived`).
//
// Units: losses in nats per token unless RunImport::loss_unit says otherwise; tokens, FLOP,
// seconds.
#ifndef ISOFLOP_CORE_IMPORTED_RUN_H_
#define ISOFLOP_CORE_IMPORTED_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/loss_unit.h"
#include "core/observation.h"

namespace isoflop {

// A line of a run's log. Where a log says the same step twice (a restart) the later line counts.
struct ImportedPoint {
  std::int64_t step = 0;
  double tokens = 0;  // 0: unknown
  std::optional<double> train_loss = {};
  std::optional<double> heldout_loss = {};
  std::optional<double> rate = {};
  std::optional<double> grad_norm = {};
  std::optional<double> seconds = {};  // since the run began

  bool operator==(const ImportedPoint&) const = default;
};

struct ImportedRun {
  // What names the run within its source: importing the source again replaces the run of that name.
  std::string source_id = {};
  Observation observation = {};  // trial: its label; row: its number in the source, from 0
  std::string derived = {};  // "tokens = flops / (6 params) [6nd]"; empty: all as the source says
  std::string provenance = {};  // the source's own row or summary as a JSON object
  std::int64_t line = 0;        // where it begins in the file, from 1; 0: not a text file
  std::vector<ImportedPoint> points = {};  // ascending steps

  bool operator==(const ImportedRun&) const = default;
};

// A row that was left out on purpose, said to the user.
struct DroppedRow {
  std::int64_t line = 0;
  std::string why = {};  // "val_bpb is empty"

  bool operator==(const DroppedRow&) const = default;
};

// Where a field of ours comes from.
struct FieldSource {
  std::string field = {};   // "params"
  std::string column = {};  // "Model Size"; empty: derived or given by a flag
  std::string how = {};     // "by its usual name", "--map", "tokens = flops / (6 params) [6nd]"

  bool operator==(const FieldSource&) const = default;
};

// All that one file, or one folder, gives.
struct RunImport {
  std::string format = {};  // "epoch", "wandb-summary", "llm.c", ...
  std::string path = {};
  std::string sha256 = {};  // of the file's bytes; of a folder's files in order
  FlopConvention convention = FlopConvention::k6nd;  // that C counts, or was derived under
  std::string loss_unit = kNatsPerToken;             // core/loss_unit.h
  std::vector<FieldSource> fields = {};
  std::vector<ImportedRun> runs = {};
  std::vector<DroppedRow> dropped = {};
  std::vector<std::string> notes = {};  // what was assumed, one sentence each

  bool operator==(const RunImport&) const = default;
};

// An import as the store lists it.
struct ImportRow {
  std::int64_t id = 0;
  std::string study = {};
  std::string format = {};
  std::string path = {};
  std::string sha256 = {};
  std::string convention = {};
  std::string loss_unit = {};
  std::int64_t runs = 0;
  std::int64_t dropped = 0;
  std::int64_t derived = 0;  // runs of which a field is derived
  double added = 0;          // Unix seconds
  std::vector<std::string> notes = {};
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_IMPORTED_RUN_H_
