// The part of the store that workers use while they run trials.
#include <algorithm>
#include <string_view>

#include "core/retry_policy.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

// Only while this holds may a claim write: no later claim was made, and nobody ended this one.
constexpr const char* kIsCurrent =
    "SELECT 1 FROM trials WHERE id = ? AND token = ? AND state = 'running'";

bool is_current(SQLite::Database& db, const Claim& claim) {
  return prepare(db, kIsCurrent, claim.trial_id, claim.token).executeStep();
}

std::optional<std::int64_t> next_trial(SQLite::Database& db, std::int64_t study) {
  auto next = prepare(db, kNextTrialSql, study, now_seconds());
  if (!next.executeStep()) return std::nullopt;
  return next.getColumn(0).getInt64();
}

std::int64_t insert_attempt(SQLite::Database& db, const Claim& claim, const WorkerId& worker,
                            double lease_seconds) {
  run_sql(db,
          "INSERT INTO attempts (trial, number, token, host, boot_id, pid_namespace, pid,"
          " start_ticks, device, version, compiler, started, heartbeat, micro_batch, uptime, lease)"
          " VALUES (?1, (SELECT count(*) + 1 FROM attempts WHERE trial = ?1),"
          " ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14)",
          claim.trial_id, claim.token, worker.host, worker.boot_id, worker.pid_namespace,
          worker.pid, worker.start_ticks, worker.device, program_version(), compiler_name(),
          now_seconds(), claim.micro_batch, uptime_seconds(), lease_seconds);
  return db.getLastInsertRowid();
}

struct Ending {
  std::string attempt;  // attempts.outcome
  std::string trial;    // trials.state
};

// What a trial's failures so far make of one more.
struct Setbacks {
  std::int64_t failures = 0;
  std::int64_t micro_batch = 0;
};

Ending ending_of(OutcomeStatus status, const Trial& trial, const RetryPolicy& policy,
                 Setbacks& setbacks) {
  switch (status) {
    case OutcomeStatus::kDone:
      return {"done", "done"};
    case OutcomeStatus::kDiverged:
      return {"diverged", "diverged"};
    case OutcomeStatus::kInterrupted:
      return {"interrupted", "planned"};
    case OutcomeStatus::kOutOfMemory: {
      const std::int64_t half = halved_micro_batch(setbacks.micro_batch, trial);
      if (half == 0) return {"out_of_memory", "out_of_memory"};
      setbacks.micro_batch = half;
      return {"out_of_memory", "planned"};
    }
    case OutcomeStatus::kFailed:
      break;
  }
  return {"failed", ++setbacks.failures > policy.bugs ? "failed" : "planned"};
}

Setbacks setbacks_of(SQLite::Database& db, std::int64_t trial) {
  auto row = prepare(db, "SELECT failures, micro_batch FROM trials WHERE id = ?", trial);
  row.executeStep();
  return {row.getColumn(0).getInt64(), row.getColumn(1).getInt64()};
}

void write_setbacks(SQLite::Database& db, std::int64_t trial, const std::string& state,
                    const Setbacks& after) {
  run_sql(db, "UPDATE trials SET state = ?, failures = ? WHERE id = ?", state, after.failures,
          trial);
  if (after.micro_batch > 0) lower_micro_batch(db, trial, after.micro_batch);
}

struct RunningAttempt {
  std::int64_t id = 0;
  std::int64_t trial = 0;
  std::int64_t kills = 0;
  WorkerId worker;
  double heartbeat = 0;
  double uptime = 0;  // at the heartbeat
  double lease = 0;
  double tokens = 0;        // that it has come to
  double furthest = 0;      // that killed attempts before it came to
  double trial_tokens = 0;  // that the trial has
  double started = 0;
};

bool lease_has_run_out(const RunningAttempt& attempt, const WorkerId& self) {
  const bool same_clock = attempt.worker.boot_id == self.boot_id && attempt.uptime > 0;
  const double silence =
      same_clock ? uptime_seconds() - attempt.uptime : now_seconds() - attempt.heartbeat;
  return silence > attempt.lease;
}

// Whether the attempt must be taken from its worker.
bool is_lost(const RunningAttempt& attempt, const WorkerId& self) {
  switch (liveness_of(attempt.worker, self)) {
    case Liveness::kAlive:
      return false;
    case Liveness::kDead:
      return true;
    case Liveness::kUnknown:
      break;
  }
  return lease_has_run_out(attempt, self);
}

std::vector<RunningAttempt> running_attempts(SQLite::Database& db, std::int64_t study) {
  auto query = prepare(db,
                       "SELECT a.id, a.trial, t.kills, a.host, a.boot_id, a.pid_namespace, a.pid,"
                       " a.start_ticks, a.heartbeat, a.uptime, a.lease, a.tokens, t.furthest,"
                       " t.tokens, a.started FROM attempts a CROSS JOIN trials t ON t.id = a.trial"
                       " CROSS JOIN study_trials st ON st.trial = a.trial AND st.study = ?"
                       " WHERE a.outcome = 'running' AND t.state = 'running'",
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
                                   .start_ticks = query.getColumn(7).getInt64()},
                        .heartbeat = query.getColumn(8).getDouble(),
                        .uptime = query.getColumn(9).getDouble(),
                        .lease = query.getColumn(10).getDouble(),
                        .tokens = query.getColumn(11).getDouble(),
                        .furthest = query.getColumn(12).getDouble(),
                        .trial_tokens = query.getColumn(13).getDouble(),
                        .started = query.getColumn(14).getDouble()});
  }
  return attempts;
}

// An attempt that came 1 % of the trial further than those before it was not killed by the trial.
std::int64_t kills_with(const RunningAttempt& attempt) {
  const bool progress = attempt.tokens > attempt.furthest + 0.01 * attempt.trial_tokens;
  return progress ? 0 : attempt.kills + 1;
}

// True when the trial was given up.
bool release(SQLite::Database& db, const RunningAttempt& attempt, int max_kills, bool dead) {
  const std::int64_t kills = max_kills > 0 ? kills_with(attempt) : attempt.kills;
  const bool give_up = max_kills > 0 && kills >= max_kills;
  const std::string reason =
      !dead ? "its lease ran out: its worker was not heard of"
      : give_up
          ? "its worker was killed " + std::to_string(kills) +
                " times in a row without progress, by the kernel if memory ran out (see dmesg)"
          : "its worker was killed";
  run_sql(db,
          "UPDATE attempts SET outcome = ?, reason = ?, ended = ?3,"
          " seconds = heartbeat - started WHERE id = ?4",
          dead ? "killed" : "lost", reason, now_seconds(), attempt.id);
  run_sql(db,
          "UPDATE trials SET state = ?, kills = ?, furthest = max(furthest, ?), token = token + 1"
          " WHERE id = ?",
          give_up ? "failed" : "planned", kills, attempt.tokens, attempt.trial);
  return give_up;
}

// The attempt's end, and what it makes of the trial.
void write_end(SQLite::Database& db, const Claim& claim, const Outcome& given,
               const RetryPolicy& policy) {
  const Outcome outcome = checked_outcome(given);
  Setbacks setbacks = setbacks_of(db, claim.trial_id);
  const Ending ending = ending_of(outcome.status, claim.trial, policy, setbacks);
  write_outcome(db, claim.attempt_id, ending.attempt, outcome.reason, outcome, now_seconds());
  insert_evaluations(db, claim.attempt_id, outcome);
  write_setbacks(db, claim.trial_id, ending.trial, setbacks);
}

Claim claim_of(SQLite::Database& db, const std::string& path, const RunningAttempt& attempt) {
  auto row = prepare(db,
                     "SELECT t.token, t.identity, t.spec, a.micro_batch FROM attempts a"
                     " JOIN trials t ON t.id = a.trial WHERE a.id = ?",
                     attempt.id);
  row.executeStep();
  return {.trial_id = attempt.trial,
          .attempt_id = attempt.id,
          .token = row.getColumn(0).getInt64(),
          .identity = row.getColumn(1).getString(),
          .trial = trial_from_spec(db, path, row.getColumn(2).getString()),
          .micro_batch = row.getColumn(3).getInt64()};
}

}  // namespace

// A trial that this program would describe otherwise is another trial.
void check_identity(const std::string& path, const Claim& claim) {
  if (identity(claim.trial) == claim.identity) return;
  throw Error(ErrorKind::kStore,
              "store: " + path + ": trial " + claim.identity.substr(0, 12) +
                  " was planned by another version of isoflop, whose trials have other fields; "
                  "run it with that version, or plan the study anew under another name",
              "incompatible");
}

// The heads in their order; the sub-query is a look into two indices, and passes over as many heads
// at most as there are trials running.
const char* const kNextTrialSql = R"sql(
SELECT q.trial FROM queue q
WHERE q.study = ?1 AND q.head = 1 AND NOT EXISTS (
  SELECT 1 FROM trials t CROSS JOIN attempts a ON a.trial = t.id AND a.outcome = 'running'
  WHERE q.trunk <> '' AND t.state = 'running' AND t.trunk = q.trunk
    AND t.branch_tokens <= q.branch_tokens AND a.tokens <= t.branch_tokens AND a.heartbeat + a.lease > ?2)
ORDER BY q.setbacks, q.early DESC, q.priority DESC, q.trial LIMIT 1)sql";

namespace {

// As kNextTrialSql; of the size, tokens and micro-batch of trial ?3, and with few setbacks.
const char* const kLikeTrialSql = R"sql(
SELECT q.trial FROM trials w CROSS JOIN trials s
  ON s.params = w.params AND s.tokens = w.tokens AND s.micro_batch = w.micro_batch
CROSS JOIN queue q ON q.study = ?1 AND q.trial = s.id AND q.head = 1 AND q.setbacks <= ?4
WHERE w.id = ?3 AND NOT EXISTS (
  SELECT 1 FROM trials t CROSS JOIN attempts a ON a.trial = t.id AND a.outcome = 'running'
  WHERE q.trunk <> '' AND t.state = 'running' AND t.trunk = q.trunk
    AND t.branch_tokens <= q.branch_tokens AND a.tokens <= t.branch_tokens AND a.heartbeat + a.lease > ?2)
ORDER BY q.setbacks, q.early DESC, q.priority DESC, q.trial)sql";

// Deaths and failures after which a trial is claimed alone, so that it takes no other with it.
constexpr std::int64_t kSetbacksTogether = 1;

Claim read_claim(SQLite::Database& db, const std::string& path, std::int64_t trial) {
  Claim claim{.trial_id = trial};
  auto row =
      prepare(db, "SELECT token, identity, spec, micro_batch FROM trials WHERE id = ?", trial);
  row.executeStep();
  claim.token = row.getColumn(0).getInt64() + 1;
  claim.identity = row.getColumn(1).getString();
  claim.trial = trial_from_spec(db, path, row.getColumn(2).getString());
  claim.micro_batch = row.getColumn(3).getInt64();
  check_identity(path, claim);
  return claim;
}

void take(SQLite::Database& db, Claim& claim, const WorkerId& worker, double lease_seconds) {
  run_sql(db, "UPDATE trials SET state = 'running', token = ? WHERE id = ?", claim.token,
          claim.trial_id);
  claim.attempt_id = insert_attempt(db, claim, worker, lease_seconds);
}

std::vector<std::int64_t> trials_like(SQLite::Database& db, std::int64_t study,
                                      std::int64_t trial) {
  auto query = prepare(db, kLikeTrialSql, study, now_seconds(), trial, kSetbacksTogether);
  std::vector<std::int64_t> found;
  while (query.executeStep()) found.push_back(query.getColumn(0).getInt64());
  return found;
}

}  // namespace

std::optional<Claim> Store::claim_next(const std::string& study, const WorkerId& worker,
                                       double lease_seconds) {
  auto claims = claim_stack(
      study, worker, [](const Trial&) { return StackWish{}; }, lease_seconds);
  if (claims.empty()) return std::nullopt;
  return std::move(claims.front());
}

std::vector<Claim> Store::claim_stack(const std::string& study, const WorkerId& worker,
                                      const std::function<StackWish(const Trial&)>& wish,
                                      double lease_seconds) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    const std::int64_t id = impl_->study_id(study);
    std::vector<Claim> claims;
    const auto next = next_trial(db, id);
    if (!next) return claims;
    claims.push_back(read_claim(db, impl_->path, *next));
    const StackWish wanted = wish(claims.front().trial);
    // Before the first is taken, which would take its own trunk's place in the queue.
    std::vector<std::int64_t> like;
    if (!wanted.key.empty() && wanted.most > 1) like = trials_like(db, id, *next);
    const bool together = std::find(like.begin(), like.end(), *next) != like.end();
    for (const std::int64_t trial : like) {
      if (!together || claims.size() >= wanted.most) break;
      if (trial == *next) continue;
      Claim claim = read_claim(db, impl_->path, trial);
      if (wish(claim.trial).key == wanted.key) claims.push_back(std::move(claim));
    }
    for (Claim& claim : claims) take(db, claim, worker, lease_seconds);
    return claims;
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
    // Somebody may set the wall clock: its jump moves the start along, so that heartbeat - started
    // stays the time that the attempt took.
    run_sql(impl_->db,
            "UPDATE attempts SET started = CASE WHEN abs(?1 - heartbeat - (?2 - uptime)) > 1"
            "   THEN started + (?1 - heartbeat - (?2 - uptime)) ELSE started END,"
            " heartbeat = ?1, uptime = ?2, tokens = ?3 WHERE id = ?4",
            now_seconds(), uptime_seconds(), tokens_done, claim.attempt_id);
    return true;
  });
}

void Store::append_curve(const Claim& claim, std::span<const CurvePoint> points) {
  if (points.empty()) return;
  impl_->write([&] { insert_points(impl_->db, claim.attempt_id, points); });
}

bool Store::finish(const Claim& claim, const Outcome& outcome, const RetryPolicy& policy) {
  return impl_->write([&] {
    if (!is_current(impl_->db, claim)) return false;
    write_end(impl_->db, claim, outcome, policy);
    return true;
  });
}

bool Store::finish_dead(const std::string& study, std::int64_t pid, const Outcome& outcome,
                        const RetryPolicy& policy) {
  return impl_->write([&] {
    SQLite::Database& db = impl_->db;
    const WorkerId self = this_worker();
    auto attempts = running_attempts(db, impl_->study_id(study));
    std::erase_if(attempts, [&](const RunningAttempt& attempt) {
      const WorkerId& worker = attempt.worker;
      return worker.pid != pid || worker.boot_id != self.boot_id ||
             worker.pid_namespace != self.pid_namespace;
    });
    if (attempts.size() == 1) {
      Outcome last_seen = outcome;
      last_seen.tokens = attempts[0].tokens;
      last_seen.seconds = attempts[0].heartbeat - attempts[0].started;
      write_end(db, claim_of(db, impl_->path, attempts[0]), last_seen, policy);
    } else {
      for (const RunningAttempt& attempt : attempts) release(db, attempt, policy.kills, true);
    }
    return !attempts.empty();
  });
}

Released Store::release_dead(const std::string& study, int max_kills) {
  return impl_->write([&] {
    const WorkerId self = this_worker();
    Released counts;
    for (const RunningAttempt& attempt : running_attempts(impl_->db, impl_->study_id(study))) {
      if (!is_lost(attempt, self)) continue;
      const bool dead = liveness_of(attempt.worker, self) == Liveness::kDead;
      ++(release(impl_->db, attempt, max_kills, dead) ? counts.failed : counts.planned);
    }
    return counts;
  });
}

std::int64_t Store::retry(const std::string& study, const RetryChoice& choice) {
  return impl_->write([&] {
    std::int64_t count = 0;
    const auto plan = [&](bool wanted, const char* state) {
      if (!wanted) return;
      count +=
          run_sql(impl_->db,
                  "UPDATE trials SET state = 'planned', kills = 0, failures = 0, furthest = 0"
                  " WHERE state = ? AND id IN (SELECT trial FROM study_trials WHERE study = ?)",
                  state, impl_->study_id(study));
    };
    plan(choice.failed, "failed");
    plan(choice.out_of_memory, "out_of_memory");
    plan(choice.diverged, "diverged");
    plan(choice.cancelled, "cancelled");
    return count;
  });
}

std::int64_t Store::cancel(const std::string& study, const std::string& identity) {
  return impl_->write([&] {
    const std::int64_t id = impl_->study_id(study);
    run_sql(impl_->db,
            "UPDATE attempts SET outcome = 'interrupted', reason = 'cancelled', ended = ?,"
            " seconds = heartbeat - started WHERE outcome = 'running' AND trial IN"
            " (SELECT t.id FROM trials t JOIN study_trials st ON st.trial = t.id AND st.study = ?"
            "  WHERE substr(t.identity, 1, length(?3)) = ?3)",
            now_seconds(), id, identity);
    return static_cast<std::int64_t>(
        run_sql(impl_->db,
                "UPDATE trials SET state = 'cancelled', held_by = '', token = token + 1"
                " WHERE state IN ('planned', 'leased', 'running')"
                " AND substr(identity, 1, length(?2)) = ?2"
                " AND id IN (SELECT trial FROM study_trials WHERE study = ?1)",
                id, identity));
  });
}

}  // namespace isoflop
