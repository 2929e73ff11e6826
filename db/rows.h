// What goes into the store and comes out of it: plain rows, one struct a table that people see.
//
// Units as in core/: losses in nats per token, FLOPs under the convention in the name, durations in
// seconds, moments in Unix seconds (UTC, with a fraction).
#ifndef ISOFLOP_DB_ROWS_H_
#define ISOFLOP_DB_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/foreign_attempt.h"
#include "core/trial.h"
#include "core/trial_runner.h"
#include "db/process.h"

namespace isoflop {

// Why a study has a trial: a point of its grid, or one beside it that only checks the learning rate
// and that no fit sees.
enum class TrialRole { kGrid, kBracket };
std::string_view name_of(TrialRole role);  // "grid", "bracket"

// A trial and the cell of the grid that asked for it.
struct PlannedTrial {
  Trial trial = {};
  std::optional<double> budget = {};  // IsoFLOP budget under the grid's convention, FLOP
  TrialRole role = TrialRole::kGrid;
};

struct AddedTrials {
  std::int64_t added = 0;       // new rows: never seen by this store
  std::int64_t shared = 0;      // known from another study, now in this one too
  std::int64_t already = 0;     // were in the study
  std::int64_t not_listed = 0;  // in the study but not in this list; they stay
};

struct StudyRow {
  std::string name = {};
  std::string grid = {};  // the sweep's file, as text
  double created = 0;
  std::int64_t trials = 0;
  std::int64_t imported = 0;  // other tools' runs (core/imported_run.h)
};

// What importing a source has changed. A run is known by its name within the source.
struct AddedImport {
  std::int64_t id = 0;
  std::int64_t added = 0;      // runs that the study had not
  std::int64_t replaced = 0;   // that it had with other values
  std::int64_t unchanged = 0;  // that it had as they are
  std::int64_t kept = 0;       // of an earlier import of the source, which has them no longer
};

// The right to run one trial, until somebody else has it.
struct Claim {
  std::int64_t trial_id = 0;
  std::int64_t attempt_id = 0;
  std::int64_t token =
      0;  // grows with every claim of the trial; an older one cannot write a result
  std::string identity = {};
  Trial trial = {};
  std::int64_t micro_batch = 0;  // RunContext::micro_batch; below the batch after out-of-memory
};

// A trial of a study as a table shows it. The loss is that of the attempt that was done; where
// there is one, it is meant by "last attempt" too.
struct TrialRow {
  std::int64_t id = 0;
  std::int64_t ordinal = 0;  // place in the grid, from 0
  std::string identity = {};
  // planned, leased, running, done, failed, diverged, out_of_memory or cancelled
  std::string state = {};
  std::string held_by = {};  // "slurm 1234", when leased
  std::string reason = {};   // of the last attempt, when it was not done
  std::optional<double> budget = {};
  TrialRole role = TrialRole::kGrid;
  double params = 0;         // N, all parameters with embeddings
  double active_params = 0;  // of them, what a token passes through; N of a dense model
  double tokens = 0;         // D
  double flops_6nd = 0;
  double flops_exact = 0;
  std::int64_t attempts = 0;
  std::int64_t micro_batch = 0;              // that the next attempt uses; 0: the whole batch
  double seconds = 0;                        // of the last attempt
  double tokens_done = 0;                    // of the last attempt
  std::optional<double> unique_tokens = {};  // of the last attempt, as the next two
  std::optional<double> epochs = {};
  std::optional<double> mfu = {};
  std::optional<double> loss = {};
  std::optional<double> standard_error = {};
  std::optional<double> bits_per_byte = {};
  std::optional<double> excess = {};
  Trial trial = {};
};

struct CorpusRow {
  std::string identity = {};  // CorpusManifest::identity()
  std::string name = {};
  std::string path = {};      // folder of the prepared corpus
  std::string manifest = {};  // its manifest.json, as text
};

struct Released {
  std::int64_t planned = 0;  // trials whose process was gone, planned again
  std::int64_t failed = 0;   // trials given up because their processes were killed too often
};

// Which ended trials are to be planned again.
struct RetryChoice {
  bool failed = false;
  bool out_of_memory = false;
  bool diverged = false;
  bool cancelled = false;

  bool operator==(const RetryChoice&) const = default;
};

// Trials of a study that one holder elsewhere has ("slurm 1234").
struct HolderRow {
  std::string holder = {};
  std::int64_t trials = 0;
};

enum class ImportedAs {
  kNew,           // its result is the trial's now
  kKnown,         // nothing in it is new
  kProgress,      // curve or heartbeat of an attempt that has not ended
  kEnded,         // it has ended without a result (failed, interrupted, ...)
  kDuplicate,     // the trial has a result already, the same to the bit; kept as an attempt
  kConflict,      // the trial has another result; kept as an attempt, never the trial's loss
  kUnknownTrial,  // no such trial in the store; nothing was written
};

// A result beside the one that a trial has: kept, never used.
struct ConflictRow {
  std::int64_t attempt_id = 0;  // the other attempt
  std::string identity = {};
  std::string heldout = {};
  double loss = 0;          // the trial's
  double other = 0;         // the other attempt's; NaN: it diverged
  std::string origin = {};  // the other attempt's: its file, or empty
  std::string host = {};    // the other attempt's
};

}  // namespace isoflop

#endif  // ISOFLOP_DB_ROWS_H_
