// Other tools' runs of another store into this one: see db/merge.h.
#include "db/merge.h"
#include "db/store_impl.h"

namespace isoflop {
namespace {

// The other store's imports beside those here: the same path, or else the same content.
constexpr const char* kMapImports = R"sql(
CREATE TEMP TABLE merge_imports AS
  SELECT x.id AS other, s.id AS study,
    coalesce((SELECT k.id FROM main.imports k WHERE k.study = s.id AND k.path = x.path),
             (SELECT min(k.id) FROM main.imports k
                WHERE k.study = s.id AND k.sha256 = x.sha256 AND x.sha256 <> '')) AS mine
  FROM o.imports x JOIN o.studies n ON n.id = x.study JOIN main.studies s ON s.name = n.name
)sql";

constexpr const char* kNewImports = R"sql(
INSERT INTO main.imports (study, path, sha256, format, convention, loss_unit, fields, dropped, notes,
    version, added)
  SELECT m.study, path, sha256, format, convention, loss_unit, fields, dropped, notes, version, added
  FROM temp.merge_imports m JOIN o.imports x ON x.id = m.other WHERE m.mine IS NULL ORDER BY x.id)sql";

constexpr const char* kNameNewImports = R"sql(
UPDATE temp.merge_imports SET mine =
    (SELECT k.id FROM main.imports k JOIN o.imports x ON x.id = merge_imports.other
       WHERE k.study = merge_imports.study AND k.path = x.path)
  WHERE mine IS NULL)sql";

constexpr const char* kMapRuns = R"sql(
CREATE TEMP TABLE merge_runs AS
  SELECT x.id AS other, m.mine AS import
  FROM o.imported_runs x JOIN temp.merge_imports m ON m.other = x.import
  WHERE NOT EXISTS (SELECT 1 FROM main.imported_runs k
                      WHERE k.import = m.mine AND k.source_id = x.source_id)
)sql";

constexpr const char* kNewRuns = R"sql(
INSERT INTO main.imported_runs (import, source_id, row, line, label, run, params, tokens, flops, loss,
    loss_error, budget, seed, extra, derived, provenance)
  SELECT m.import, source_id, row, line, label, run, params, tokens, flops, loss, loss_error, budget,
    seed, extra, derived, provenance
  FROM temp.merge_runs m JOIN o.imported_runs x ON x.id = m.other ORDER BY x.id)sql";

constexpr const char* kNewImportedPoints = R"sql(
INSERT INTO main.imported_points (run, step, tokens, train_loss, heldout_loss, rate, grad_norm,
    seconds)
  SELECT k.id, step, p.tokens, train_loss, heldout_loss, rate, grad_norm, seconds
  FROM temp.merge_runs m JOIN o.imported_runs x ON x.id = m.other
  JOIN main.imported_runs k ON k.import = m.import AND k.source_id = x.source_id
  JOIN o.imported_points p ON p.run = m.other)sql";

// A study with two kinds of imports, or one of other units than its trials'.
constexpr const char* kUnlike = R"sql(
SELECT s.name, a.loss_unit <> b.loss_unit FROM main.imports a
  JOIN main.imports b ON b.study = a.study AND b.id > a.id
    AND (b.loss_unit <> a.loss_unit OR b.convention <> a.convention)
  JOIN main.studies s ON s.id = a.study
UNION ALL
SELECT s.name, 1 FROM main.imports a JOIN main.studies s ON s.id = a.study
  WHERE a.loss_unit <> 'nats_per_token'
    AND EXISTS (SELECT 1 FROM main.study_trials t WHERE t.study = a.study)
LIMIT 1)sql";

void refuse_unlike(SQLite::Database& db, const std::string& other) {
  auto query = prepare(db, kUnlike);
  if (!query.executeStep()) return;
  const bool units = query.getColumn(1).getInt() != 0;
  throw refusal(units ? "mixed_units" : "mixed_conventions",
                "merge: " + other + ": its imports into study \"" + query.getColumn(0).getString() +
                    "\" " +
                    (units ? "have other units of loss" : "count FLOP by another convention") +
                    " than what is there: nothing was merged; import the files into studies of "
                    "their own, with --study NAME");
}

}  // namespace

void merge_imports(SQLite::Database& db, const std::string& other, Merged& merged) {
  db.exec(kMapImports);
  merged.imports = run_sql(db, kNewImports);
  run_sql(db, kNameNewImports);
  db.exec(kMapRuns);
  merged.imported_runs = run_sql(db, kNewRuns);
  run_sql(db, kNewImportedPoints);
  refuse_unlike(db, other);
}

}  // namespace isoflop
