#include "db/migration_texts.h"

namespace isoflop {

// Other tools' runs, in a study beside its trials or alone: a row a file or folder, a row a run, a
// row a point of its curve. `observations` held tables without a study; no released program wrote
// it, but what somebody put there becomes a study a source and convention.
const char* const kMigration4 = R"sql(
CREATE TABLE imports (
  id         INTEGER PRIMARY KEY,
  study      INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  path       TEXT NOT NULL,
  sha256     TEXT NOT NULL DEFAULT '',
  format     TEXT NOT NULL,
  convention TEXT NOT NULL,
  loss_unit  TEXT NOT NULL,
  fields     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(fields)),
  dropped    TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(dropped)),
  notes      TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(notes)),
  version    TEXT NOT NULL,
  added      REAL NOT NULL,
  UNIQUE (study, path)
);

CREATE TABLE imported_runs (
  id         INTEGER PRIMARY KEY,
  import     INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  source_id  TEXT NOT NULL,
  row        INTEGER NOT NULL,
  line       INTEGER NOT NULL DEFAULT 0,
  label      TEXT NOT NULL DEFAULT '',
  run        TEXT NOT NULL DEFAULT '',
  params     REAL NOT NULL,
  tokens     REAL NOT NULL,
  flops      REAL NOT NULL,
  loss       REAL NOT NULL,
  loss_error REAL NOT NULL DEFAULT 0,
  budget     REAL,
  seed       INTEGER NOT NULL DEFAULT 0,
  extra      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
  derived    TEXT NOT NULL DEFAULT '',
  provenance TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(provenance)),
  UNIQUE (import, source_id)
);

CREATE TABLE imported_points (
  run          INTEGER NOT NULL REFERENCES imported_runs (id) ON DELETE CASCADE,
  step         INTEGER NOT NULL,
  tokens       REAL NOT NULL,
  train_loss   REAL,
  heldout_loss REAL,
  rate         REAL,
  grad_norm    REAL,
  seconds      REAL,
  PRIMARY KEY (run, step)
) WITHOUT ROWID;

INSERT INTO studies (name, grid, created, version)
  SELECT 'imported ' || source || ' (' || convention || ')', '', min(added), ''
  FROM observations GROUP BY source, convention ON CONFLICT (name) DO NOTHING;
INSERT INTO imports (study, path, format, convention, loss_unit, version, added)
  SELECT s.id, o.source, 'observations', o.convention, 'nats_per_token', '', max(o.added)
  FROM observations o
  JOIN studies s ON s.name = 'imported ' || o.source || ' (' || o.convention || ')'
  GROUP BY o.source, o.convention;
INSERT INTO imported_runs (import, source_id, row, label, params, tokens, flops, loss, loss_error,
    budget, seed)
  SELECT i.id, o.row, o.row, o.label, o.params, o.tokens, o.flops, o.loss, o.loss_error, o.budget,
    o.seed
  FROM observations o
  JOIN studies s ON s.name = 'imported ' || o.source || ' (' || o.convention || ')'
  JOIN imports i ON i.study = s.id AND i.path = o.source ORDER BY o.id;
DROP TABLE observations;

CREATE VIEW imported AS
  SELECT s.name AS study, i.path, i.format, i.convention, i.loss_unit, r.source_id, r.label, r.run,
         r.params, r.tokens, r.flops, r.loss, r.loss_error, r.budget, r.seed, r.extra, r.derived,
         r.provenance, r.line
  FROM studies s JOIN imports i ON i.study = s.id JOIN imported_runs r ON r.import = i.id;
)sql";

}  // namespace isoflop
