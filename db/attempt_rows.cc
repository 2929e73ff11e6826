// What is written of an attempt, whoever made it: a worker of this host or a task of another.
#include <cmath>

#include "db/store_impl.h"

namespace isoflop {
namespace {

bool all_finite(const Outcome& outcome) {
  for (const Evaluation& evaluation : outcome.evaluations) {
    if (!std::isfinite(evaluation.loss)) return false;
  }
  return true;
}

// Statements are used again: what is absent has to be said.
void bind_router(SQLite::Statement& query, int index, const std::optional<RouterStats>& router) {
  for (const auto& field : kRouterStatsFields) {
    bind_value(query, index++,
               router ? std::optional<double>((*router).*field.value) : std::nullopt);
  }
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

Outcome checked_outcome(const Outcome& outcome) {
  if (outcome.status != OutcomeStatus::kDone || all_finite(outcome)) return outcome;
  Outcome diverged = outcome;
  diverged.status = OutcomeStatus::kDiverged;
  diverged.reason = "the final loss is not finite";
  return diverged;
}

void write_outcome(SQLite::Database& db, std::int64_t attempt, const std::string& name,
                   const std::string& reason, const Outcome& outcome, double moment) {
  run_sql(db,
          "UPDATE attempts SET outcome = ?1, reason = ?2, steps = ?3, tokens = ?4, seconds = ?5,"
          " unique_tokens = ?6, epochs = ?7, mfu = ?8, resumed_at = ?9, flops = ?10,"
          " heartbeat = ?11, ended = ?11, log = ?12 WHERE id = ?13",
          name, reason, outcome.steps, outcome.tokens, outcome.seconds, outcome.unique_tokens,
          outcome.epochs, outcome.mfu, outcome.resumed_at, outcome.flops, moment,
          joined_lines(outcome.notes), attempt);
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

std::int64_t insert_points(SQLite::Database& db, std::int64_t attempt,
                           std::span<const CurvePoint> points, std::int64_t beyond_step) {
  SQLite::Statement insert(db,
                           "INSERT OR REPLACE INTO curve_points (attempt, step, tokens, flops,"
                           " train_loss, heldout_loss, heldout_error, rate, grad_norm, seconds,"
                           " router_largest_load, router_unused, router_dropped, router_entropy,"
                           " router_balance, router_z)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t count = 0;
  for (const CurvePoint& p : points) {
    if (p.step <= beyond_step) continue;
    bind_all(insert, attempt, p.step, p.tokens, p.flops, p.train_loss, p.heldout_loss,
             p.heldout_error, p.rate, p.grad_norm, p.seconds);
    bind_router(insert, 11, p.router);
    insert.exec();
    insert.reset();
    ++count;
  }
  return count;
}

void lower_micro_batch(SQLite::Database& db, std::int64_t trial, std::int64_t micro_batch) {
  run_sql(db,
          "UPDATE trials SET micro_batch = ?1 WHERE (id = ?2 OR (trunk <> '' AND state IN"
          " ('planned', 'leased') AND trunk = (SELECT trunk FROM trials WHERE id = ?2)))"
          " AND (micro_batch = 0 OR micro_batch > ?1)",
          micro_batch, trial);
}

}  // namespace isoflop
