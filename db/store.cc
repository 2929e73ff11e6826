// Opening a store, and what is planned in it.
#include "db/store.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <random>
#include <set>
#include <sqlite3.h>
#include <thread>

#include "core/disk_space.h"
#include "core/schedule.h"
#include "db/file_system.h"
#include "db/schema.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

// SQLite's own waiting sleeps longer and longer, up to 100 ms, while writes here take a fraction of
// a millisecond: whoever came last would win, and who waited long would go on waiting. Short sleeps
// of random length give every waiting process the same chance at every release.
int wait_for_lock(void*, int looks) {
  using Clock = std::chrono::steady_clock;
  thread_local Clock::time_point since;
  thread_local std::minstd_rand random(std::random_device{}());
  if (looks == 0) since = Clock::now();
  const auto waited = Clock::now() - since;
  if (waited > std::chrono::milliseconds(kBusyMilliseconds)) return 0;
  const int longest = waited < std::chrono::seconds(1) ? 1000 : 10000;  // microseconds
  const auto pause = std::uniform_int_distribution<int>(longest / 10, longest)(random);
  std::this_thread::sleep_for(std::chrono::microseconds(pause));
  return 1;
}

int open_flags(StoreMode mode) {
  switch (mode) {
    case StoreMode::kReadOnly:
      return SQLite::OPEN_READONLY;
    case StoreMode::kReadWrite:
      return SQLite::OPEN_READWRITE;
    case StoreMode::kCreate:
      break;
  }
  return SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
}

void check_place(const std::string& path, StoreMode mode) {
  if (mode != StoreMode::kCreate && !std::filesystem::exists(path)) {
    throw usage_error("store: " + path +
                      ": there is no such file; isoflop sweep run makes one, --db names another");
  }
  refuse_network_file_system(path);
}

// The change to WAL needs the file alone for a moment, and SQLite does not always wait for that.
void switch_to_wal(SQLite::Database& db, const std::string& path) {
  for (int waited = 0;; waited += 5) {
    try {
      const std::string mode = db.execAndGet("PRAGMA journal_mode = WAL").getString();
      if (mode == "wal") return;
      throw Error(ErrorKind::kStore, "store: " + path +
                                         ": its disk has no shared memory (journal " + mode +
                                         "); put it on a local disk with --db");
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || waited >= kBusyMilliseconds) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}

void set_up(SQLite::Database& db, const std::string& path, StoreMode mode) {
  sqlite3_busy_handler(db.getHandle(), wait_for_lock, nullptr);
  db.exec("PRAGMA foreign_keys = ON");
  if (mode == StoreMode::kReadOnly) {
    check_schema(db, path);
    return;
  }
  switch_to_wal(db, path);
  // With WAL, NORMAL syncs at checkpoints only: see store.h for what that keeps.
  db.exec("PRAGMA synchronous = NORMAL");
  // A checkpoint waits for the disk twice, so one for 16 MB of log instead of SQLite's 4.
  db.exec("PRAGMA wal_autocheckpoint = 4000");
  migrate(db, path);
}

std::string known_studies(SQLite::Database& db) {
  std::string names;
  auto query = prepare(db, "SELECT name FROM studies ORDER BY id DESC LIMIT 10");
  while (query.executeStep()) {
    names += (names.empty() ? "" : ", ") + query.getColumn(0).getString();
  }
  return names;
}

void insert_trial(SQLite::Database& db, const Trial& trial, const std::string& id) {
  // The tabular learner has no components.
  const ParamCount count = trial.trainer == "tabular" ? ParamCount{} : count_params(trial.model);
  const double exact = total_flops(trial, FlopConvention::kExact);
  run_sql(db,
          "INSERT INTO trials (identity, spec, trainer, seed, params, params_embedding,"
          " params_positions, params_attention, params_feed_forward, params_norms, params_head,"
          " tokens, flops_6nd, flops_exact, priority, trunk, branch_tokens, params_router,"
          " active_params) VALUES"
          " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15, ?16, ?17, ?18)",
          id, canonical_json(trial), trial.trainer, trial.seed, params_of(trial), count.embedding,
          count.positions, count.attention, count.feed_forward, count.norms, count.head,
          trial.train.tokens, total_flops(trial, FlopConvention::k6nd), exact,
          trunk_identity(trial), branch_tokens(trial), count.router, active_params_of(trial));
}

// What all trials of the trunk cost together is the priority of each, so that long trunks start
// early.
void rank_trunks(SQLite::Database& db) {
  run_sql(db,
          "UPDATE trials SET priority = g.cost FROM"
          " (SELECT trunk, max(branch_tokens / tokens * flops_exact) +"
          "         sum((1 - branch_tokens / tokens) * flops_exact) AS cost"
          "  FROM trials WHERE trunk <> '' GROUP BY trunk) AS g"
          " WHERE trials.trunk = g.trunk AND priority <> g.cost");
}

// A tenth of the study's cost goes to its cheapest trials first, so that there is a law to look at
// long before the dearest have ended; the rest goes dearest first, so that no long trial is left
// for the end.
void mark_early(SQLite::Database& db, std::int64_t study) {
  run_sql(db,
          "UPDATE trials SET early = 1 FROM"
          " (SELECT st.trial, sum(t.flops_exact) OVER (ORDER BY t.flops_exact, t.id) AS so_far,"
          "         sum(t.flops_exact) OVER () AS total"
          "  FROM study_trials st JOIN trials t ON t.id = st.trial"
          "  WHERE st.study = ? AND st.role = 'grid') AS c"
          " WHERE trials.id = c.trial AND c.so_far <= 0.1 * c.total AND trials.early = 0",
          study);
}

// What each trial costs beyond what the one before it in its trunk leaves behind, and how many
// trunks are shared: see the tables tallies and studies.
void count_costs(SQLite::Database& db, std::int64_t study) {
  run_sql(db,
          "UPDATE study_trials SET own_flops = w.own FROM"
          " (SELECT st.trial, t.flops_exact * (1 - CASE t.trunk WHEN '' THEN 0 ELSE"
          "    coalesce(lag(t.branch_tokens) OVER (PARTITION BY t.trunk"
          "                                        ORDER BY t.branch_tokens, t.id), 0)"
          "    / t.tokens END) AS own"
          "  FROM study_trials st JOIN trials t ON t.id = st.trial WHERE st.study = ?1) AS w"
          " WHERE study_trials.study = ?1 AND w.trial = study_trials.trial"
          " AND w.own <> study_trials.own_flops",
          study);
  run_sql(db,
          "UPDATE studies SET trunks = (SELECT count(*) FROM"
          " (SELECT 1 FROM study_trials st JOIN trials t ON t.id = st.trial"
          "  WHERE st.study = ?1 AND t.trunk <> '' GROUP BY t.trunk HAVING count(*) > 1))"
          " WHERE id = ?1",
          study);
}

std::optional<std::int64_t> find_trial(SQLite::Database& db, const std::string& id) {
  auto query = prepare(db, "SELECT id FROM trials WHERE identity = ?", id);
  if (!query.executeStep()) return std::nullopt;
  return query.getColumn(0).getInt64();
}

// Less than SQLite's index of the write-ahead log takes at first.
bool is_out_of_room(const std::string& path) {
  const auto space = disk_space(path);
  return space && space->free < 65536;
}

}  // namespace

void order_study(SQLite::Database& db, std::int64_t study) {
  rank_trunks(db);
  mark_early(db, study);
  count_costs(db, study);
}

std::optional<double> optional_double(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return column.getDouble();
}

double double_or_nan(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

double now_seconds() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_epoch).count();
}

Error store_error(const std::string& path, const SQLite::Exception& error) {
  const auto because = [&](ErrorKind kind, const std::string& why, const char* code = "") {
    return Error(kind, "store: " + path + ": " + why, code);
  };
  // A full disk where the memory that processes share cannot grow.
  if ((error.getErrorCode() & 0xff) == SQLITE_IOERR && is_out_of_room(path)) {
    return disk_full_error(path, "the store cannot grow");
  }
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return because(ErrorKind::kStore,
                     "another process has kept it locked for " +
                         std::to_string(kBusyMilliseconds / 1000) +
                         " s; end that process (fuser names it) and run the command again",
                     "locked");
    case SQLITE_FULL:
      return disk_full_error(path, "the store cannot grow");
    case SQLITE_NOTADB:
      return because(ErrorKind::kStore, "is not a SQLite file; give another --db");
    case SQLITE_CORRUPT:
      return because(ErrorKind::kStore,
                     "is damaged; sqlite3's .recover saves what can be read into a new file");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return because(ErrorKind::kStore,
                     std::string(error.what()) +
                         "; check that its folder exists and that you may write there");
    default:
      return because(ErrorKind::kFailed,
                     std::string(error.what()) + "; check the disk, then run the command again");
  }
}

std::int64_t Store::Impl::study_id(const std::string& study) {
  auto query = prepare(db, "SELECT id FROM studies WHERE name = ?", study);
  if (query.executeStep()) return query.getColumn(0).getInt64();
  const std::string names = known_studies(db);
  throw usage_error("study: " + study + ": is not in " + path + "; " +
                    (names.empty() ? "the store is empty: isoflop sweep run makes a study"
                                   : "there is " + names));
}

std::string_view name_of(TrialRole role) {
  return role == TrialRole::kBracket ? "bracket" : "grid";
}

Store::Store(const std::string& path, StoreMode mode) {
  check_place(path, mode);
  try {
    impl_ = std::make_unique<Impl>(
        Impl{path, SQLite::Database(path, open_flags(mode), kBusyMilliseconds)});
    set_up(impl_->db, path, mode);
  } catch (const SQLite::Exception& error) {
    throw store_error(path, error);
  }
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

const std::string& Store::path() const { return impl_->path; }

void Store::add_study(const std::string& study, const std::string& grid) {
  impl_->write([&] {
    run_sql(impl_->db,
            "INSERT INTO studies (name, grid, created, version) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET grid = excluded.grid",
            study, grid, now_seconds(), program_version());
  });
}

namespace {

// Trials that the study has from an earlier grid go behind those of this one: two trials of one
// place could not be told apart where rows are chosen by their numbers.
void make_room(SQLite::Database& db, std::int64_t study, const std::set<std::int64_t>& listed,
               std::int64_t count) {
  std::vector<std::int64_t> others;
  std::int64_t first = count;
  auto query = prepare(db, "SELECT trial, ordinal FROM study_trials WHERE study = ?", study);
  while (query.executeStep()) {
    if (listed.contains(query.getColumn(0).getInt64())) continue;
    others.push_back(query.getColumn(0).getInt64());
    first = std::min(first, query.getColumn(1).getInt64());
  }
  if (first >= count) return;
  for (const std::int64_t trial : others) {
    run_sql(db, "UPDATE study_trials SET ordinal = ordinal + ? WHERE study = ? AND trial = ?",
            count, study, trial);
  }
}

}  // namespace

AddedTrials Store::add_trials(const std::string& study, std::span<const PlannedTrial> trials) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    const std::int64_t study_row = impl_->study_id(study);
    AddedTrials counts;
    std::int64_t ordinal = 0;
    std::set<std::int64_t> places;
    for (const PlannedTrial& planned : trials) {
      const std::string id = identity(planned.trial);
      const std::string role(name_of(planned.role));
      const bool is_new = !find_trial(db, id);
      if (is_new) insert_trial(db, planned.trial, id);
      const std::int64_t trial_row = *find_trial(db, id);
      places.insert(trial_row);
      // A grid that grew puts its trials in its new order; budgets stay what they were planned for.
      const bool listed = run_sql(db,
                                  "UPDATE study_trials SET ordinal = ?, budget = ?, role = ?"
                                  " WHERE study = ? AND trial = ?",
                                  ordinal, planned.budget, role, study_row, trial_row) > 0;
      if (!listed) {
        run_sql(db,
                "INSERT INTO study_trials (ordinal, budget, role, study, trial)"
                " VALUES (?, ?, ?, ?, ?)",
                ordinal, planned.budget, role, study_row, trial_row);
      }
      ++(is_new ? counts.added : listed ? counts.already : counts.shared);
      ++ordinal;
    }
    if (counts.added + counts.shared > 0) {
      order_study(db, study_row);
    }
    auto query = prepare(db, "SELECT count(*) FROM study_trials WHERE study = ?", study_row);
    query.executeStep();
    counts.not_listed =
        query.getColumn(0).getInt64() - counts.added - counts.shared - counts.already;
    if (counts.not_listed > 0) make_room(db, study_row, places, ordinal);
    return counts;
  });
}

}  // namespace isoflop
