// The part of the store that is about trials which other hosts run.
//
// A leased trial stays leased while its attempts come in; the newest that has not ended is the one
// `running`, for progress. All that is written here is decided by what the store holds and what the
// attempt says, never by which file was read first, so that importing again, or an older part of
// the same attempt, changes nothing.

#include "db/store_impl.h"

namespace isoflop {
namespace {

struct ImportTrial {
  std::int64_t id = 0;
  std::string state = {};
  std::string spec = {};  // canonical JSON
};

std::optional<ImportTrial> import_trial(SQLite::Database& db, const std::string& identity) {
  auto row = prepare(db, "SELECT id, state, spec FROM trials WHERE identity = ?", identity);
  if (!row.executeStep()) return std::nullopt;
  return ImportTrial{row.getColumn(0).getInt64(), row.getColumn(1).getString(),
                     row.getColumn(2).getString()};
}

// The attempt of that origin, as far as the store has it.
struct KnownAttempt {
  std::int64_t id = 0;
  bool open = true;  // its end has not been read
  double heartbeat = 0;
};

// `cancelled` was written by Store::cancel, not read from the attempt's file.
constexpr const char* kAttemptIsOpen =
    "(outcome IN ('running', 'lost') OR (outcome = 'interrupted' AND reason = 'cancelled'))";

std::optional<KnownAttempt> known_attempt(SQLite::Database& db, const std::string& origin) {
  const std::string sql = std::string("SELECT id, ") + kAttemptIsOpen +
                          ", heartbeat FROM attempts WHERE origin = ?1 AND origin <> ''";
  auto row = prepare(db, sql.c_str(), origin);
  if (!row.executeStep()) return std::nullopt;
  return KnownAttempt{row.getColumn(0).getInt64(), row.getColumn(1).getInt() != 0,
                      row.getColumn(2).getDouble()};
}

std::int64_t insert_foreign(SQLite::Database& db, std::int64_t trial,
                            const ForeignAttempt& attempt) {
  run_sql(db,
          "INSERT INTO attempts (trial, number, token, host, boot_id, pid_namespace, pid,"
          " start_ticks, device, version, compiler, micro_batch, started, heartbeat, origin,"
          " outcome, reason, ended)"
          " VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE trial = ?1), 0,"
          " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, 'lost', 'not heard of', ?11)",
          trial, attempt.worker.host, attempt.worker.boot_id, attempt.worker.pid_namespace,
          attempt.worker.pid, attempt.worker.start_ticks, attempt.worker.device, attempt.version,
          attempt.compiler, attempt.micro_batch, attempt.started, attempt.origin);
  return db.getLastInsertRowid();
}

// The table `spent` counts an attempt when it ends, by triggers. What is said of an ended attempt
// afterwards is taken out with -1 and put back with +1.
void count_spent_again(SQLite::Database& db, std::int64_t attempt, int sign) {
  run_sql(
      db,
      "UPDATE spent SET attempts = spent.attempts + ?2, seconds = spent.seconds + ?2 * a.seconds,"
      " flops = spent.flops + ?2 * coalesce(a.flops, 0),"
      " uncounted = spent.uncounted + ?2 * iif(a.flops > 0, 0, a.seconds)"
      " FROM attempts a JOIN trials t ON t.id = a.trial"
      " JOIN study_trials st ON st.trial = a.trial"
      " WHERE a.id = ?1 AND a.outcome <> 'running' AND spent.study = st.study"
      " AND spent.device = a.device AND spent.params = t.params",
      attempt, sign);
}

// Points beyond those that are there; an attempt's steps only grow.
std::int64_t insert_new_points(SQLite::Database& db, std::int64_t attempt,
                               std::span<const CurvePoint> points) {
  auto last =
      prepare(db, "SELECT coalesce(max(step), -1) FROM curve_points WHERE attempt = ?", attempt);
  last.executeStep();
  const std::int64_t known = last.getColumn(0).getInt64();
  return insert_points(db, attempt, points, known);
}

// Ends what runs at the trial, but for `except`.
void lose_running(SQLite::Database& db, std::int64_t trial, std::int64_t except,
                  const std::string& reason) {
  run_sql(db,
          "UPDATE attempts SET outcome = 'lost', reason = ?, ended = heartbeat,"
          " seconds = heartbeat - started WHERE trial = ? AND id <> ? AND outcome = 'running'",
          reason, trial, except);
}

// Of the attempts at a leased trial that have not ended, the one that began last is `running`.
void choose_running(SQLite::Database& db, std::int64_t trial) {
  auto newest = prepare(db,
                        "SELECT id, outcome FROM attempts WHERE trial = ? AND origin <> ''"
                        " AND outcome IN ('running', 'lost') ORDER BY started DESC, origin DESC"
                        " LIMIT 1",
                        trial);
  if (!newest.executeStep() || newest.getColumn(1).getString() == "running") return;
  const std::int64_t id = newest.getColumn(0).getInt64();
  lose_running(db, trial, id, "it did not end, and another attempt began");
  count_spent_again(db, id, -1);
  run_sql(db, "UPDATE attempts SET outcome = 'running', reason = '', ended = NULL WHERE id = ?",
          id);
}

ImportedAs import_progress(SQLite::Database& db, const ImportTrial& trial, std::int64_t id,
                           bool is_new, const ForeignAttempt& attempt) {
  count_spent_again(db, id, -1);
  const std::int64_t points = insert_new_points(db, id, attempt.curve);
  const int beats = run_sql(db,
                            "UPDATE attempts SET heartbeat = ?1, tokens = max(tokens, ?2),"
                            " seconds = ?1 - started WHERE id = ?3 AND heartbeat < ?1",
                            attempt.heartbeat, attempt.tokens_done, id);
  count_spent_again(db, id, +1);
  if (trial.state == "leased") choose_running(db, trial.id);
  return is_new || points > 0 || beats > 0 ? ImportedAs::kProgress : ImportedAs::kKnown;
}

// The attempt whose result is the trial's, `trial` being SQL for its id.
std::string accepted_attempt_sql(const std::string& trial) {
  return "SELECT id FROM attempts WHERE trial = " + trial +
         " AND outcome IN ('done', 'diverged') ORDER BY outcome = 'done' DESC, number DESC LIMIT 1";
}

std::int64_t accepted_attempt(SQLite::Database& db, std::int64_t trial) {
  auto row = prepare(db, accepted_attempt_sql("?").c_str(), trial);
  return row.executeStep() ? row.getColumn(0).getInt64() : 0;
}

// "heldout: 3.25, not 3.5", with the kept loss last; empty where the results are the same to the
// bit.
std::string difference_of(SQLite::Database& db, std::int64_t kept, std::int64_t other) {
  auto row = prepare(db,
                     "SELECT n.heldout, o.loss, k.loss FROM"
                     " (SELECT DISTINCT heldout FROM evaluations WHERE attempt IN (?1, ?2)) n"
                     " LEFT JOIN evaluations k ON k.attempt = ?1 AND k.heldout = n.heldout"
                     " LEFT JOIN evaluations o ON o.attempt = ?2 AND o.heldout = n.heldout"
                     " WHERE k.loss IS NOT o.loss ORDER BY n.heldout LIMIT 1",
                     kept, other);
  if (!row.executeStep()) return "";
  const auto text = [&](int column) {
    const SQLite::Column value = row.getColumn(column);
    return value.isNull() ? std::string("none") : value.getString();
  };
  return text(0) + ": " + text(1) + ", not " + text(2);
}

// What Store::finish writes, at the moments of the attempt's own clock.
void write_foreign_end(SQLite::Database& db, std::int64_t id, const ForeignAttempt& attempt,
                       const Outcome& outcome, const std::string& name, const std::string& reason) {
  run_sql(db, "UPDATE attempts SET outcome = 'lost' WHERE id = ? AND outcome = 'running'", id);
  count_spent_again(db, id, -1);
  write_outcome(db, id, name, reason, outcome, attempt.heartbeat);
  count_spent_again(db, id, +1);
}

void end_trial(SQLite::Database& db, std::int64_t trial, const char* state) {
  run_sql(db, "UPDATE trials SET state = ?, held_by = '', token = token + 1 WHERE id = ?", state,
          trial);
}

ImportedAs import_result(SQLite::Database& db, const ImportTrial& trial, std::int64_t id,
                         const ForeignAttempt& attempt, const Outcome& outcome) {
  const bool diverged = outcome.status == OutcomeStatus::kDiverged;
  insert_evaluations(db, id, outcome);
  const char* name = diverged ? "diverged" : "done";
  const bool has_result = trial.state == "done" || trial.state == "diverged";
  if (!has_result) {
    write_foreign_end(db, id, attempt, outcome, name, outcome.reason);
    lose_running(db, trial.id, id, "another attempt ended first");
    end_trial(db, trial.id, name);
    return ImportedAs::kNew;
  }
  const std::string difference = trial.state != name
                                     ? std::string("it ") + (diverged ? "diverged" : "is done")
                                     : difference_of(db, accepted_attempt(db, trial.id), id);
  write_foreign_end(db, id, attempt, outcome, "duplicate",
                    difference.empty() ? "the trial had this result already"
                                       : "another result than the trial's: " + difference);
  return difference.empty() ? ImportedAs::kDuplicate : ImportedAs::kConflict;
}

// What an end without a result makes of a leased trial; nothing while its holder tries again.
void count_setback(SQLite::Database& db, const ImportTrial& trial, const ForeignAttempt& attempt,
                   const RetryPolicy& policy) {
  const bool out_of_memory = attempt.outcome->status == OutcomeStatus::kOutOfMemory;
  if (!out_of_memory) {
    run_sql(db, "UPDATE trials SET failures = failures + 1 WHERE id = ?", trial.id);
    auto row = prepare(db, "SELECT failures FROM trials WHERE id = ?", trial.id);
    row.executeStep();
    if (attempt.final || row.getColumn(0).getInt64() > policy.bugs) {
      end_trial(db, trial.id, "failed");
    }
    return;
  }
  const std::int64_t half =
      halved_micro_batch(attempt.micro_batch, trial_from_canonical_json(trial.spec));
  if (attempt.final || half == 0) return end_trial(db, trial.id, "out_of_memory");
  lower_micro_batch(db, trial.id, half);
}

const char* setback_name(OutcomeStatus status) {
  switch (status) {
    case OutcomeStatus::kInterrupted:
      return "interrupted";
    case OutcomeStatus::kOutOfMemory:
      return "out_of_memory";
    default:
      return "failed";
  }
}

ImportedAs import_setback(SQLite::Database& db, const ImportTrial& trial, std::int64_t id,
                          const ForeignAttempt& attempt, const RetryPolicy& policy) {
  insert_evaluations(db, id, *attempt.outcome);
  write_foreign_end(db, id, attempt, *attempt.outcome, setback_name(attempt.outcome->status),
                    attempt.outcome->reason);
  if (trial.state == "leased" && attempt.outcome->status != OutcomeStatus::kInterrupted) {
    count_setback(db, trial, attempt, policy);
  }
  return ImportedAs::kEnded;
}

// An attempt that says nothing more of itself ended when it was last heard of.
void lose_running_of(SQLite::Database& db, std::int64_t study, const std::string& holder) {
  run_sql(db,
          "UPDATE attempts SET outcome = 'lost', reason = ?, ended = heartbeat,"
          " seconds = heartbeat - started WHERE outcome = 'running' AND trial IN"
          " (SELECT t.id FROM trials t JOIN study_trials st ON st.trial = t.id AND st.study = ?"
          "  WHERE t.state = 'leased' AND t.held_by = ?)",
          "it did not end, and the trial was taken back from " + holder, study, holder);
}

}  // namespace

std::vector<ConflictRow> conflicts_of(SQLite::Database& db, const std::string& attempts) {
  const std::string sql =
      "SELECT t.identity, n.heldout, k.loss, o.loss, d.origin, d.host, d.id FROM (" + attempts +
      ") w JOIN attempts d ON d.id = w.id AND d.outcome = 'duplicate'"
      " JOIN trials t ON t.id = d.trial"
      " JOIN attempts a ON a.id = (" +
      accepted_attempt_sql("t.id") +
      ")"
      " JOIN evaluations n ON n.attempt IN (a.id, d.id)"
      " LEFT JOIN evaluations k ON k.attempt = a.id AND k.heldout = n.heldout"
      " LEFT JOIN evaluations o ON o.attempt = d.id AND o.heldout = n.heldout"
      " WHERE k.loss IS NOT o.loss"
      " GROUP BY d.id, n.heldout ORDER BY d.id, n.heldout";
  auto query = prepare(db, sql.c_str());
  std::vector<ConflictRow> rows;
  while (query.executeStep()) {
    rows.push_back({.attempt_id = query.getColumn(6).getInt64(),
                    .identity = query.getColumn(0).getString(),
                    .heldout = query.getColumn(1).getString(),
                    .loss = double_or_nan(query.getColumn(2)),
                    .other = double_or_nan(query.getColumn(3)),
                    .origin = query.getColumn(4).getString(),
                    .host = query.getColumn(5).getString()});
  }
  return rows;
}

std::vector<Claim> Store::lease_out(const std::string& study,
                                    std::span<const std::int64_t> trial_ids,
                                    const std::string& holder) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    const std::int64_t id = impl_->study_id(study);
    SQLite::Statement take(db,
                           "UPDATE trials SET state = 'leased', held_by = ?1, token = token + 1"
                           " WHERE id = ?2 AND state = 'planned'"
                           " AND id IN (SELECT trial FROM study_trials WHERE study = ?3)"
                           " RETURNING token, identity, spec, micro_batch");
    std::vector<Claim> claims;
    for (const std::int64_t trial : trial_ids) {
      bind_all(take, holder, trial, id);
      if (take.executeStep()) {
        Claim& claim = claims.emplace_back();
        claim.trial_id = trial;
        claim.token = take.getColumn(0).getInt64();
        claim.identity = take.getColumn(1).getString();
        claim.trial = trial_from_spec(db, impl_->path, take.getColumn(2).getString());
        claim.micro_batch = take.getColumn(3).getInt64();
        check_identity(impl_->path, claim);
        while (take.executeStep()) {
        }
      }
      take.reset();
    }
    return claims;
  });
}

void Store::rename_holder(const std::string& study, const std::string& from,
                          const std::string& to) {
  impl_->write([&] {
    run_sql(impl_->db,
            "UPDATE trials SET held_by = ? WHERE held_by = ? AND held_by <> ''"
            " AND id IN (SELECT trial FROM study_trials WHERE study = ?)",
            to, from, impl_->study_id(study));
  });
}

std::int64_t Store::take_back(const std::string& study, const std::string& holder) {
  return impl_->write([&] {
    const std::int64_t id = impl_->study_id(study);
    lose_running_of(impl_->db, id, holder);
    return static_cast<std::int64_t>(
        run_sql(impl_->db,
                "UPDATE trials SET state = 'planned', held_by = '', token = token + 1"
                " WHERE state = 'leased' AND held_by = ? AND held_by <> ''"
                " AND id IN (SELECT trial FROM study_trials WHERE study = ?)",
                holder, id));
  });
}

std::vector<HolderRow> Store::holders(const std::string& study) const {
  return impl_->read([&] {
    auto query = prepare(impl_->db,
                         "SELECT t.held_by, count(*) FROM trials t JOIN study_trials st"
                         " ON st.trial = t.id AND st.study = ?"
                         " WHERE t.held_by <> '' AND t.state = 'leased'"
                         " GROUP BY t.held_by ORDER BY t.held_by",
                         impl_->study_id(study));
    std::vector<HolderRow> rows;
    while (query.executeStep()) {
      rows.push_back({query.getColumn(0).getString(), query.getColumn(1).getInt64()});
    }
    return rows;
  });
}

ImportedAs Store::import_attempt(const ForeignAttempt& attempt, const RetryPolicy& policy) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    const auto trial = import_trial(db, attempt.identity);
    if (!trial) return ImportedAs::kUnknownTrial;
    const auto known = known_attempt(db, attempt.origin);
    if (known && !known->open) return ImportedAs::kKnown;
    const std::int64_t id = known ? known->id : insert_foreign(db, trial->id, attempt);
    if (!attempt.outcome) return import_progress(db, *trial, id, !known, attempt);
    insert_new_points(db, id, attempt.curve);
    const Outcome outcome = checked_outcome(*attempt.outcome);
    if (outcome.status == OutcomeStatus::kDone || outcome.status == OutcomeStatus::kDiverged) {
      return import_result(db, *trial, id, attempt, outcome);
    }
    return import_setback(db, *trial, id, attempt, policy);
  });
}

std::vector<std::string> Store::ended_origins() const {
  return impl_->read([&] {
    const std::string sql =
        std::string("SELECT origin FROM attempts WHERE origin <> '' AND NOT ") + kAttemptIsOpen;
    auto query = prepare(impl_->db, sql.c_str());
    std::vector<std::string> origins;
    while (query.executeStep()) origins.push_back(query.getColumn(0).getString());
    return origins;
  });
}

std::vector<ConflictRow> Store::conflicts(const std::string& study) const {
  return impl_->read([&] {
    return conflicts_of(impl_->db,
                        "SELECT a.id AS id FROM attempts a JOIN study_trials st"
                        " ON st.trial = a.trial WHERE a.outcome = 'duplicate'"
                        " AND st.study = " +
                            std::to_string(impl_->study_id(study)));
  });
}

}  // namespace isoflop
