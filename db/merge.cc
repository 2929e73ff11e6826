#include "db/merge.h"

#include <filesystem>
#include <set>
#include <sqlite3.h>
#include <string_view>

#include "db/file_system.h"
#include "db/schema.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

// Trials, attempts and studies of the other file (`o`) beside those here. What is new gets ids
// above the ones here.
constexpr const char* kNewTrials = R"sql(
INSERT INTO main.trials (identity, spec, trainer, seed, params, params_embedding, params_positions,
    params_attention, params_feed_forward, params_norms, params_head, params_router, active_params,
    tokens, flops_6nd, flops_exact, trunk, branch_tokens, priority, early, kills, failures, furthest,
    micro_batch)
  SELECT identity, spec, trainer, seed, params, params_embedding, params_positions,
    params_attention, params_feed_forward, params_norms, params_head, params_router, active_params,
    tokens, flops_6nd, flops_exact, trunk, branch_tokens, priority, early, kills, failures, furthest,
    micro_batch
  FROM o.trials ORDER BY id ON CONFLICT (identity) DO NOTHING)sql";

constexpr const char* kMapTrials = R"sql(
CREATE TEMP TABLE merge_trials AS
  SELECT x.id AS other, t.id AS mine, t.id > ?1 AS is_new, x.state AS other_state
  FROM o.trials x JOIN main.trials t ON t.identity = x.identity;
)sql";

constexpr const char* kNewStudies = R"sql(
INSERT INTO main.studies (name, grid, created, version)
  SELECT name, grid, created, version FROM o.studies ORDER BY id ON CONFLICT (name) DO NOTHING)sql";

// Behind the trials that the study has here, in the other's order.
constexpr const char* kStudyTrials = R"sql(
INSERT INTO main.study_trials (study, trial, ordinal, budget, role)
  SELECT s.id, m.mine, x.ordinal +
    (SELECT coalesce(max(ordinal) + 1, 0) FROM main.study_trials WHERE study = s.id),
    x.budget, x.role
  FROM o.study_trials x JOIN temp.merge_trials m ON m.other = x.trial
  JOIN o.studies n ON n.id = x.study JOIN main.studies s ON s.name = n.name
  WHERE true ON CONFLICT (study, trial) DO NOTHING)sql";

// An attempt is the same when it has the same origin, or, made where a store was open, when the
// same process began it at the same moment.
constexpr const char* kMapAttempts = R"sql(
CREATE TEMP TABLE merge_attempts AS
  SELECT x.id AS other, m.mine AS trial, coalesce(k.id, ?1 + x.id) AS mine, k.id IS NULL AS is_new,
    k.id IS NULL OR (k.outcome = 'lost' AND x.outcome NOT IN ('lost', 'running')) AS comes,
    x.outcome AS outcome,
    x.outcome = 'done' OR (x.outcome = 'diverged' AND m.other_state = 'diverged' AND x.number =
      (SELECT max(number) FROM o.attempts WHERE trial = x.trial AND outcome = 'diverged'))
      AS is_result
  FROM o.attempts x JOIN temp.merge_trials m ON m.other = x.trial
  LEFT JOIN main.attempts k ON k.trial = m.mine AND k.origin = x.origin AND (x.origin <> '' OR
    (k.host = x.host AND k.boot_id = x.boot_id AND k.pid_namespace = x.pid_namespace AND
     k.pid = x.pid AND k.start_ticks = x.start_ticks AND k.started = x.started));
)sql";

// A result becomes the trial's where it has none here. One that runs there may still end: it is
// lost until a later merge.
constexpr const char* kNameOutcomes = R"sql(
UPDATE temp.merge_attempts SET outcome = CASE
    WHEN outcome = 'running' THEN 'lost'
    WHEN is_result AND trial IN
      (SELECT id FROM main.trials WHERE state IN ('done', 'diverged')) THEN 'duplicate'
    ELSE outcome END
  WHERE comes)sql";

constexpr const char* kNewAttempts = R"sql(
INSERT INTO main.attempts (id, trial, number, token, host, boot_id, pid_namespace, pid, start_ticks,
    device, version, compiler, micro_batch, started, heartbeat, uptime, lease, ended, outcome, reason,
    log, steps, tokens, seconds, unique_tokens, epochs, mfu, resumed_at, flops, origin)
  SELECT m.mine, m.trial, (SELECT coalesce(max(number), 0) FROM main.attempts WHERE trial = m.trial) +
    row_number() OVER (PARTITION BY m.trial ORDER BY x.number), 0, host, boot_id, pid_namespace, pid,
    start_ticks, device, version, compiler, micro_batch, started, heartbeat, uptime, lease,
    coalesce(ended, heartbeat), m.outcome,
    CASE WHEN x.outcome = 'running' THEN 'it had not ended when its store was merged' ELSE reason END,
    log, steps, tokens, CASE WHEN x.outcome = 'running' THEN heartbeat - started ELSE seconds END,
    unique_tokens, epochs, mfu, resumed_at, flops, origin
  FROM temp.merge_attempts m JOIN o.attempts x ON x.id = m.other WHERE m.is_new ORDER BY m.mine)sql";

constexpr const char* kEndedSince = R"sql(
UPDATE main.attempts SET outcome = m.outcome, heartbeat = x.heartbeat, ended = x.ended,
    reason = x.reason, log = x.log, steps = x.steps, tokens = x.tokens, seconds = x.seconds,
    unique_tokens = x.unique_tokens, epochs = x.epochs, mfu = x.mfu, resumed_at = x.resumed_at,
    flops = x.flops
  FROM temp.merge_attempts m JOIN o.attempts x ON x.id = m.other
  WHERE m.comes AND NOT m.is_new AND main.attempts.id = m.mine)sql";

constexpr const char* kNewPoints = R"sql(
INSERT INTO main.curve_points (attempt, step, tokens, flops, train_loss, heldout_loss, rate,
    grad_norm, seconds, heldout_error, router_largest_load, router_unused, router_dropped,
    router_entropy, router_balance, router_z)
  SELECT m.mine, step, tokens, flops, train_loss, heldout_loss, rate, grad_norm, seconds,
    heldout_error, router_largest_load, router_unused, router_dropped, router_entropy,
    router_balance, router_z
  FROM temp.merge_attempts m JOIN o.curve_points c ON c.attempt = m.other WHERE m.comes
  ON CONFLICT (attempt, step) DO NOTHING)sql";

constexpr const char* kNewEvaluations = R"sql(
INSERT INTO main.evaluations (attempt, heldout, loss, standard_error, bits_per_byte, tokens, excess,
    excess_error)
  SELECT m.mine, heldout, loss, standard_error, bits_per_byte, tokens, excess, excess_error
  FROM temp.merge_attempts m JOIN o.evaluations e ON e.attempt = m.other WHERE m.comes
  ON CONFLICT (attempt, heldout) DO NOTHING)sql";

// Whoever runs such a trial here finds at its next heartbeat that it has ended.
constexpr const char* kLoseRunning = R"sql(
UPDATE main.attempts SET outcome = 'lost', reason = 'another store had the result', ended = heartbeat,
    seconds = heartbeat - started
  WHERE outcome = 'running' AND trial IN
    (SELECT trial FROM temp.merge_attempts WHERE comes AND is_result AND outcome <> 'duplicate'))sql";

constexpr const char* kNewResults = R"sql(
UPDATE main.trials SET state = m.outcome, held_by = '', token = token + 1
  FROM temp.merge_attempts m
  WHERE m.comes AND m.is_result AND m.outcome <> 'duplicate' AND main.trials.id = m.trial)sql";

// What has ended there without a result, for trials that wait here and of which this is news.
constexpr const char* kNewEnds = R"sql(
UPDATE main.trials SET state = x.state, kills = x.kills, failures = x.failures,
    furthest = x.furthest, micro_batch = x.micro_batch
  FROM temp.merge_trials m JOIN o.trials x ON x.id = m.other
  WHERE main.trials.id = m.mine AND main.trials.state = 'planned'
    AND x.state IN ('failed', 'out_of_memory', 'cancelled')
    AND (m.is_new OR EXISTS (SELECT 1 FROM temp.merge_attempts a WHERE a.trial = m.mine AND a.comes)))sql";

constexpr const char* kNewCorpora =
    "INSERT INTO main.corpora SELECT * FROM o.corpora WHERE true ON CONFLICT DO NOTHING";

// The same fit is one made at the same moment with the same words.
constexpr const char* kNewFits = R"sql(
INSERT INTO main.fits (study, created, version, json)
  SELECT s.id, x.created, x.version, x.json
  FROM o.fits x JOIN o.studies n ON n.id = x.study JOIN main.studies s ON s.name = n.name
  WHERE NOT EXISTS (SELECT 1 FROM main.fits f WHERE f.study = s.id AND f.created = x.created
                      AND f.json = x.json) ORDER BY x.id)sql";

// Attempts that ended since are counted as they were: easier to count all of them again.
constexpr const char* kCountSpent[] = {
    "DELETE FROM main.spent WHERE study IN (SELECT study FROM temp.merge_studies)",
    "INSERT INTO main.spent SELECT st.study, a.device, t.params, count(*), sum(a.seconds),"
    " sum(coalesce(a.flops, 0)), sum(iif(a.flops > 0, 0, a.seconds))"
    " FROM main.attempts a JOIN main.trials t ON t.id = a.trial"
    " JOIN main.study_trials st ON st.trial = t.id"
    " WHERE a.outcome <> 'running' AND st.study IN (SELECT study FROM temp.merge_studies)"
    " GROUP BY st.study, a.device, t.params",
};

constexpr const char* kDuplicates =
    "SELECT mine AS id FROM temp.merge_attempts WHERE comes AND outcome = 'duplicate'";

std::int64_t single(SQLite::Database& db, const char* sql) { return db.execAndGet(sql).getInt64(); }

// Refuses what cannot be merged before anything is written.
void check_other(const std::string& path, const std::string& other) {
  if (!std::filesystem::exists(other)) {
    throw usage_error("merge: " + other + ": there is no such file; check the path");
  }
  if (std::filesystem::equivalent(path, other)) {
    throw usage_error("merge: " + other +
                      " is the store that it would be merged into; name another");
  }
  refuse_network_file_system(other);
  try {
    SQLite::Database db(other, SQLite::OPEN_READONLY, kBusyMilliseconds);
    check_schema(db, other);
  } catch (const SQLite::Exception& error) {
    throw store_error(other, error);
  }
}

// A path as an SQLite URI, opened read-only whatever the connection may do.
std::string read_only_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (c == '%' || c == '?' || c == '#') {
      uri +=
          {'%', kHex[static_cast<unsigned char>(c) / 16], kHex[static_cast<unsigned char>(c) % 16]};
    } else {
      uri += c;
    }
  }
  return uri + "?mode=ro";
}

// One merge, in one transaction of a connection of its own.
class Merging {
 public:
  Merging(const std::string& path, const std::string& other)
      : other_(other), db_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_URI, kBusyMilliseconds) {
    db_.exec("PRAGMA foreign_keys = ON");
    db_.exec("PRAGMA synchronous = NORMAL");
    run_sql(db_, "ATTACH ? AS o", read_only_uri(other));
  }

  Merged run() {
    SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
    add_trials();
    add_studies();
    add_attempts();
    end_trials();
    merge_imports(db_, other_, merged_);
    settle();
    transaction.commit();
    return merged_;
  }

 private:
  void add_trials() {
    const std::int64_t last = single(db_, "SELECT coalesce(max(id), 0) FROM main.trials");
    merged_.trials = run_sql(db_, kNewTrials);
    create_temp(kMapTrials, last, "merge_trials_mine ON merge_trials (mine)");
  }

  // SQLite binds no parameters in CREATE TABLE ... AS.
  void create_temp(std::string sql, std::int64_t value, const char* index) {
    sql.replace(sql.find("?1"), 2, std::to_string(value));
    db_.exec(sql);
    db_.exec(std::string("CREATE INDEX temp.") + index);
  }

  void add_studies() {
    merged_.studies = run_sql(db_, kNewStudies);
    run_sql(db_, kStudyTrials);
    db_.exec(
        "CREATE TEMP TABLE merge_studies AS SELECT DISTINCT study FROM main.study_trials"
        " WHERE trial IN (SELECT mine FROM temp.merge_trials)");
  }

  void add_attempts() {
    create_temp(kMapAttempts, single(db_, "SELECT coalesce(max(id), 0) FROM main.attempts"),
                "merge_attempts_trial ON merge_attempts (trial)");
    run_sql(db_, kNameOutcomes);
    run_sql(db_, kLoseRunning);
    merged_.attempts = run_sql(db_, kNewAttempts);
    run_sql(db_, kEndedSince);
    merged_.curve_points = run_sql(db_, kNewPoints);
    run_sql(db_, kNewEvaluations);
  }

  void end_trials() {
    merged_.results = run_sql(db_, kNewResults);
    run_sql(db_, kNewEnds);
    run_sql(db_, kNewCorpora);
    merged_.fits = run_sql(db_, kNewFits);
  }

  void settle() {
    auto studies = prepare(db_, "SELECT study FROM temp.merge_studies");
    while (studies.executeStep()) order_study(db_, studies.getColumn(0).getInt64());
    for (const char* sql : kCountSpent) run_sql(db_, sql);
    merged_.conflicts = conflicts_of(db_, kDuplicates);
    std::set<std::int64_t> differ;
    for (const ConflictRow& row : merged_.conflicts) differ.insert(row.attempt_id);
    merged_.duplicates =
        single(db_, (std::string("SELECT count(*) FROM (") + kDuplicates + ")").c_str()) -
        static_cast<std::int64_t>(differ.size());
  }

  const std::string& other_;
  SQLite::Database db_;
  Merged merged_;
};

}  // namespace

Merged merge_store(Store& store, const std::string& other) {
  check_other(store.path(), other);
  try {
    return Merging(store.path(), other).run();
  } catch (const SQLite::Exception& error) {
    throw store_error(store.path(), error);
  }
}

}  // namespace isoflop
