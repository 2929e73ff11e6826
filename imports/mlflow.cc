// MLflow's SQLite store (mlflow.db): tables runs(run_uuid, name, status, lifecycle_stage,
// experiment_id, ...), metrics(key, value, timestamp in ms, step, is_nan, run_uuid), params(key,
// value, run_uuid) and experiments(experiment_id, name).
//
// A NaN is is_nan = 1; an infinite value is stored as the largest double. Runs that are not
// FINISHED or were deleted are left out with that reason.
//
// The file is somebody else's: it is opened from memory, read-only, its schema not trusted (no
// views, no virtual tables, no functions of its own), and the work of a query is bounded by the
// file's size.
#include <cmath>
#include <map>
#include <memory>
#include <sqlite3.h>

#include "imports/log_formats.h"
#include "imports/tracker_run.h"

namespace isoflop {
namespace {

constexpr std::string_view kSqliteMagic{"SQLite format 3\0", 16};
constexpr int kLongestText = 1 << 20;    // MLflow's longest is 8,000
constexpr double kInfinite = 1.797e308;  // at least so much was infinite

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct EndStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

// A database in memory that reads `bytes`, which must outlive it.
class MlflowDatabase {
 public:
  MlflowDatabase(std::string& bytes, const std::string& path) : path_(path) {
    sqlite3* db = nullptr;
    const int opened = sqlite3_open(":memory:", &db);
    db_.reset(db);
    if (opened != SQLITE_OK) fail("cannot be opened");
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    // Bytes 18 and 19 are 2 under write-ahead logging, which memory cannot do; what is only in
    // another file's log is not in these bytes in any case.
    if (bytes.size() > 19) bytes[18] = bytes[19] = 1;
    if (sqlite3_deserialize(db, "main", reinterpret_cast<unsigned char*>(bytes.data()), size, size,
                            SQLITE_DESERIALIZE_READONLY) != SQLITE_OK) {
      fail("cannot be opened");
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kLongestText);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, kLongestText);
    turns_ = 1000 + size / 100;
    sqlite3_progress_handler(db, 10'000, &MlflowDatabase::out_of_turns, this);
  }

  // Calls `row` for each row of the answer.
  template <typename Row>
  void each(const char* sql, const Row& row) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) fail("is not MLflow's");
    const std::unique_ptr<sqlite3_stmt, EndStatement> statement(raw);
    int answer = sqlite3_step(raw);
    for (; answer == SQLITE_ROW; answer = sqlite3_step(raw)) row(raw);
    if (answer != SQLITE_DONE) fail("cannot be read");
  }

 private:
  static int out_of_turns(void* self) {
    return --static_cast<MlflowDatabase*>(self)->turns_ < 0 ? 1 : 0;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw usage_error(path_ + ": the SQLite database " + what + ": " +
                      std::string(sqlite3_errmsg(db_.get())) +
                      "; import a copy made by sqlite3's .backup while nobody writes");
  }

  std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> db_;
  sqlite3_int64 turns_ = 0;  // of 10,000 instructions that are left
};

std::string mlflow_text(sqlite3_stmt* row, int column) {
  const unsigned char* text = sqlite3_column_text(row, column);
  const int size = sqlite3_column_bytes(row, column);
  return text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), size);
}

double mlflow_value(sqlite3_stmt* row, int value, int is_nan) {
  const double number = sqlite3_column_double(row, value);
  if (sqlite3_column_int(row, is_nan) != 0) return std::nan("");
  return std::abs(number) >= kInfinite ? std::copysign(HUGE_VAL, number) : number;
}

void require_tables(MlflowDatabase& db, const ImportSource& source) {
  std::int64_t found = 0;
  db.each(
      "SELECT count(DISTINCT name) FROM sqlite_master WHERE type = 'table' AND name IN "
      "('runs', 'metrics', 'params', 'experiments') AND sql NOT LIKE '%VIRTUAL%'",
      [&](sqlite3_stmt* row) { found = sqlite3_column_int64(row, 0); });
  if (found == 4) return;
  throw usage_error(source.path +
                    ": is no MLflow store: it needs the tables runs, metrics, params and "
                    "experiments; see isoflop import --help for other formats");
}

std::string why_not_of(const std::string& status, const std::string& stage) {
  if (stage == "deleted") return "it was deleted in MLflow";
  return status == "FINISHED" ? "" : "its status is " + (status.empty() ? "unknown" : status);
}

struct MlflowRuns {
  std::vector<TrackerRun> runs;
  std::map<std::string, std::size_t> by_id;

  TrackerRun* find(const std::string& id) {
    const auto found = by_id.find(id);
    return found == by_id.end() || !runs[found->second].why_not.empty() ? nullptr
                                                                        : &runs[found->second];
  }
};

MlflowRuns mlflow_runs(MlflowDatabase& db) {
  MlflowRuns out;
  db.each(
      "SELECT run_uuid, runs.name, status, runs.lifecycle_stage, experiments.name FROM runs LEFT "
      "JOIN experiments ON experiments.experiment_id = runs.experiment_id "
      "ORDER BY start_time, run_uuid",
      [&](sqlite3_stmt* row) {
        TrackerRun run{.source_id = mlflow_text(row, 0), .label = mlflow_text(row, 1)};
        run.why_not = why_not_of(mlflow_text(row, 2), mlflow_text(row, 3));
        run.said["run_uuid"] = run.source_id;
        run.said["name"] = run.label;
        run.said["experiment"] = mlflow_text(row, 4);
        if (run.source_id.empty() || !out.by_id.emplace(run.source_id, out.runs.size()).second) {
          return;
        }
        out.runs.push_back(std::move(run));
      });
  return out;
}

void read_mlflow_metrics(MlflowDatabase& db, MlflowRuns& runs) {
  db.each(
      "SELECT run_uuid, key, value, is_nan, step, timestamp FROM metrics ORDER BY timestamp, rowid",
      [&](sqlite3_stmt* row) {
        TrackerRun* run = runs.find(mlflow_text(row, 0));
        if (run == nullptr) return;
        run->metrics[mlflow_text(row, 1)].push_back(
            {.step = sqlite3_column_int64(row, 4),
             .value = mlflow_value(row, 2, 3),
             .seconds = sqlite3_column_double(row, 5) / 1000});
      });
}

void read_mlflow_params(MlflowDatabase& db, MlflowRuns& runs) {
  db.each("SELECT run_uuid, key, value FROM params ORDER BY rowid", [&](sqlite3_stmt* row) {
    TrackerRun* run = runs.find(mlflow_text(row, 0));
    if (run != nullptr) run->facts[mlflow_text(row, 1)] = mlflow_text(row, 2);
  });
  for (TrackerRun& run : runs.runs) {
    if (!run.facts.empty()) run.said["params"] = run.facts;
  }
}

bool recognises_mlflow(const ImportSource& source) {
  return source.bytes.starts_with(kSqliteMagic) &&
         source.bytes.find("latest_metrics") != std::string_view::npos &&
         source.bytes.find("run_uuid") != std::string_view::npos;
}

RunImport read_mlflow(const ImportSource& source, const ImportOptions& options) {
  if (!source.bytes.starts_with(kSqliteMagic)) {
    throw usage_error(source.path +
                      ": is no MLflow store: it does not begin with \"SQLite format 3\"; see "
                      "isoflop import --help for other formats");
  }
  std::string bytes(source.bytes);
  MlflowDatabase db(bytes, source.path);
  require_tables(db, source);
  MlflowRuns runs = mlflow_runs(db);
  read_mlflow_metrics(db, runs);
  read_mlflow_params(db, runs);
  RunImport read;
  if (runs.runs.empty()) read.notes.push_back("The store has no runs");
  add_tracker_runs(read, std::move(runs.runs), source, options);
  return read;
}

}  // namespace

ImportFormat mlflow_format() {
  return {"mlflow", "MLflow's SQLite store: finished runs, names by --map where not usual",
          recognises_mlflow, read_mlflow};
}

}  // namespace isoflop
