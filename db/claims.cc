// The part of the store that workers use while they run trials.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "db/store_impl.h"

namespace isoflop {
namespace {

// Only while this holds may a claim write: no later claim was made, and nobody ended this one.
constexpr const char* kIsCurrent =
    "SELECT 1 FROM trials WHERE id = ? AND token = ? AND state = 'running'";

bool is_current(SQLite::Database& db, const Claim& claim) {
  return prepare(db, kIsCurrent, claim.trial_id, claim.token).executeStep();
}

// A worker that said nothing for so long is not waited for: on another host or in another container
// nobody here could tell that it died. Heartbeats come every few seconds.
constexpr double kPatienceSeconds = 600;

std::optional<std::int64_t> next_trial(SQLite::Database& db, std::int64_t study) {
  auto next = prepare(db, kNextTrialSql, study, now_seconds() - kPatienceSeconds);
  if (!next.executeStep()) return std::nullopt;
  return next.getColumn(0).getInt64();
}

std::int64_t insert_attempt(SQLite::Database& db, const Claim& claim, const WorkerId& worker) {
  run_sql(db,
          "INSERT INTO attempts (trial, number, token, host, boot_id, pid_namespace, pid,"
          " start_ticks, device, version, compiler, started, heartbeat)"
          " VALUES (?1, (SELECT count(*) + 1 FROM attempts WHERE trial = ?1),"
          " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
          claim.trial_id, claim.token, worker.host, worker.boot_id, worker.pid_namespace,
          worker.pid, worker.start_ticks, worker.device, program_version(), compiler_name(),
          now_seconds());
  return db.getLastInsertRowid();
}

// A trial that this program would describe otherwise is another trial.
void check_identity(const std::string& path, const Claim& claim) {
  if (identity(claim.trial) == claim.identity) return;
  throw Error(ErrorKind::kStore,
              "store: " + path + ": trial " + claim.identity.substr(0, 12) +
                  " was planned by another version of isoflop, whose trials have other fields; "
                  "run it with that version, or plan the study anew under another name",
              "incompatible");
}

bool all_finite(const Outcome& outcome) {
  for (const Evaluation& evaluation : outcome.evaluations) {
    if (!std::isfinite(evaluation.loss)) return false;
  }
  return true;
}

struct Ending {
  const char* attempt;  // attempts.outcome
  const char* trial;    // trials.state
};

Ending ending_of(OutcomeStatus status) {
  switch (status) {
    case OutcomeStatus::kDone:
      return {"done", "done"};
    case OutcomeStatus::kDiverged:
      return {"diverged", "diverged"};
    case OutcomeStatus::kInterrupted:
      return {"interrupted", "planned"};
    case OutcomeStatus::kOutOfMemory:
      return {"out_of_memory", "out_of_memory"};
    case OutcomeStatus::kFailed:
      break;
  }
  return {"failed", "failed"};
}

void insert_evaluations(SQLite::Database& db, std::int64_t attempt, const Outcome& outcome) {
  for (const Evaluation& e : outcome.evaluations) {
    if (!std::isfinite(e.loss)) continue;
    run_sql(db,
            "INSERT INTO evaluations (attempt, heldout, loss, standard_error, bits_per_byte,"
            " tokens, excess, excess_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            attempt, e.heldout, e.loss, e.standard_error, e.bits_per_byte, e.tokens, e.excess,
            e.excess_error);
  }
}

struct RunningAttempt {
  std::int64_t id = 0;
  std::int64_t trial = 0;
  std::int64_t kills = 0;
  WorkerId worker;
};

std::vector<RunningAttempt> running_attempts(SQLite::Database& db, std::int64_t study) {
  auto query = prepare(db,
                       "SELECT a.id, a.trial, t.kills, a.host, a.boot_id, a.pid_namespace, a.pid,"
                       " a.start_ticks FROM attempts a JOIN trials t ON t.id = a.trial"
                       " JOIN study_trials st ON st.trial = a.trial AND st.study = ?"
                       " WHERE a.outcome = 'running'",
                       study);
  std::vector<RunningAttempt> attempts;
  while (query.executeStep()) {
    attempts.push_back({.id = query.getColumn(0).getInt64(),
                        .trial = query.getColumn(1).getInt64(),
                        .kills = query.getColumn(2).getInt64(),
                        .worker = {.host = query.getColumn(3).getString(),
                                   .boot_id = query.getColumn(4).getString(),
                                   .pid_namespace = query.getColumn(5).getInt64(),
                                   .pid = query.getColumn(6).getInt64(),
                                   .start_ticks = query.getColumn(7).getInt64()}});
  }
  return attempts;
}

// True when the trial was given up.
bool release(SQLite::Database& db, const RunningAttempt& attempt, int max_kills) {
  const std::int64_t kills = attempt.kills + (max_kills > 0 ? 1 : 0);
  const bool give_up = max_kills > 0 && kills >= max_kills;
  const std::string reason = give_up ? "its worker was killed " + std::to_string(kills) +
                                           " times, by the kernel if memory ran out (see dmesg)"
                                     : "its worker was killed";
  run_sql(db,
          "UPDATE attempts SET outcome = 'killed', reason = ?, ended = ?2,"
          " seconds = heartbeat - started WHERE id = ?3",
          reason, now_seconds(), attempt.id);
  run_sql(db, "UPDATE trials SET state = ?, kills = ? WHERE id = ?", give_up ? "failed" : "planned",
          kills, attempt.trial);
  return give_up;
}

}  // namespace

// The heads in their order; the sub-query is a look into two indices, and passes over as many heads
// at most as there are trials running.
const char* const kNextTrialSql = R"sql(
SELECT q.trial FROM queue q
WHERE q.study = ?1 AND q.head = 1 AND NOT EXISTS (
  SELECT 1 FROM trials t CROSS JOIN attempts a ON a.trial = t.id AND a.outcome = 'running'
  WHERE q.trunk <> '' AND t.state = 'running' AND t.trunk = q.trunk
    AND t.branch_tokens <= q.branch_tokens AND a.tokens <= t.branch_tokens AND a.heartbeat > ?2)
ORDER BY q.kills, q.priority DESC, q.trial LIMIT 1)sql";

std::optional<Claim> Store::claim_next(const std::string& study, const WorkerId& worker) {
  return impl_->write([&]() -> std::optional<Claim> {
    SQLite::Database& db = impl_->db;
    const auto next = next_trial(db, impl_->study_id(study));
    if (!next) return std::nullopt;
    Claim claim{.trial_id = *next};
    run_sql(db, "UPDATE trials SET state = 'running', token = token + 1 WHERE id = ?",
            claim.trial_id);
    auto row = prepare(db, "SELECT token, identity, spec FROM trials WHERE id = ?", claim.trial_id);
    row.executeStep();
    claim.token = row.getColumn(0).getInt64();
    claim.identity = row.getColumn(1).getString();
    claim.trial = trial_from_spec(db, impl_->path, row.getColumn(2).getString());
    check_identity(impl_->path, claim);
    claim.attempt_id = insert_attempt(db, claim, worker);
    return claim;
  });
}

bool Store::has_planned(const std::string& study) const {
  return impl_->read([&] {
    return prepare(impl_->db, "SELECT 1 FROM queue WHERE study = ? LIMIT 1", impl_->study_id(study))
        .executeStep();
  });
}

bool Store::heartbeat(const Claim& claim, double tokens_done) {
  return impl_->write([&] {
    if (!is_current(impl_->db, claim)) return false;
    run_sql(impl_->db, "UPDATE attempts SET heartbeat = ?, tokens = ? WHERE id = ?", now_seconds(),
            tokens_done, claim.attempt_id);
    return true;
  });
}

void Store::append_curve(const Claim& claim, std::span<const CurvePoint> points) {
  if (points.empty()) return;
  impl_->write([&] {
    SQLite::Statement insert(impl_->db,
                             "INSERT OR REPLACE INTO curve_points (attempt, step, tokens, flops,"
                             " train_loss, heldout_loss, heldout_error, rate, grad_norm, seconds)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const CurvePoint& p : points) {
      bind_all(insert, claim.attempt_id, p.step, p.tokens, p.flops, p.train_loss, p.heldout_loss,
               p.heldout_error, p.rate, p.grad_norm, p.seconds);
      insert.exec();
      insert.reset();
    }
  });
}

bool Store::finish(const Claim& claim, const Outcome& outcome) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    if (!is_current(db, claim)) return false;
    const bool diverged = outcome.status == OutcomeStatus::kDone && !all_finite(outcome);
    const Ending ending = ending_of(diverged ? OutcomeStatus::kDiverged : outcome.status);
    run_sql(db,
            "UPDATE attempts SET outcome = ?1, reason = ?2, steps = ?3, tokens = ?4, seconds = ?5,"
            " unique_tokens = ?6, epochs = ?7, mfu = ?8, resumed_at = ?9, flops = ?10,"
            " heartbeat = ?11, ended = ?11 WHERE id = ?12",
            ending.attempt, diverged ? "the final loss is not finite" : outcome.reason,
            outcome.steps, outcome.tokens, outcome.seconds, outcome.unique_tokens, outcome.epochs,
            outcome.mfu, outcome.resumed_at, outcome.flops, now_seconds(), claim.attempt_id);
    insert_evaluations(db, claim.attempt_id, outcome);
    run_sql(db, "UPDATE trials SET state = ? WHERE id = ?", ending.trial, claim.trial_id);
    return true;
  });
}

Released Store::release_dead(const std::string& study, int max_kills) {
  return impl_->write([&] {
    const WorkerId self = this_worker();
    Released counts;
    for (const RunningAttempt& attempt : running_attempts(impl_->db, impl_->study_id(study))) {
      if (liveness_of(attempt.worker, self) != Liveness::kDead) continue;
      ++(release(impl_->db, attempt, max_kills) ? counts.failed : counts.planned);
    }
    return counts;
  });
}

}  // namespace isoflop
