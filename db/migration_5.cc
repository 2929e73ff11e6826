#include "db/migration_texts.h"

namespace isoflop {

// Sparse models: a token passes through some of their parameters only, and their curves say how
// the router did. What was there before is dense.
const char* const kMigration5 = R"sql(
ALTER TABLE trials ADD COLUMN params_router INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN active_params REAL NOT NULL DEFAULT 0;
UPDATE trials SET active_params = params;

ALTER TABLE curve_points ADD COLUMN router_largest_load REAL;
ALTER TABLE curve_points ADD COLUMN router_unused REAL;
ALTER TABLE curve_points ADD COLUMN router_dropped REAL;
ALTER TABLE curve_points ADD COLUMN router_entropy REAL;
ALTER TABLE curve_points ADD COLUMN router_balance REAL;
ALTER TABLE curve_points ADD COLUMN router_z REAL;

DROP VIEW results;
CREATE VIEW results AS
  SELECT s.name AS study, st.ordinal, st.budget, t.id AS trial, t.identity, t.seed, t.params,
         t.params_attention + t.params_feed_forward + t.params_norms + t.params_router
           AS params_non_embedding,
         t.active_params, t.tokens, t.flops_6nd, t.flops_exact, e.heldout, e.loss, e.standard_error,
         e.bits_per_byte, e.excess, e.excess_error, a.seconds, a.device, a.version,
         a.unique_tokens, a.epochs
  FROM studies s JOIN study_trials st ON st.study = s.id AND st.role = 'grid'
  JOIN trials t ON t.id = st.trial
  JOIN attempts a ON a.trial = t.id AND a.outcome = 'done'
  JOIN evaluations e ON e.attempt = a.id
  WHERE t.state = 'done';
)sql";

}  // namespace isoflop
