#include "db/migration_texts.h"

namespace isoflop {

// The queue holds the planned trials of each study in the order in which they are claimed, so that
// a claim is one step into a B-tree however many trials are done. Triggers keep it: no writer, not
// even a person with the sqlite3 shell, can make a trial's state and the queue disagree.
const char* const kMigration1 = R"sql(
CREATE TABLE studies (
  id      INTEGER PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  grid    TEXT NOT NULL,
  created REAL NOT NULL,
  version TEXT NOT NULL
);

CREATE TABLE trials (
  id                  INTEGER PRIMARY KEY,
  identity            TEXT NOT NULL UNIQUE,
  spec                TEXT NOT NULL CHECK (json_valid(spec)),
  trainer             TEXT NOT NULL,
  seed                INTEGER NOT NULL,
  params              REAL NOT NULL,
  params_embedding    INTEGER NOT NULL,
  params_positions    INTEGER NOT NULL,
  params_attention    INTEGER NOT NULL,
  params_feed_forward INTEGER NOT NULL,
  params_norms        INTEGER NOT NULL,
  params_head         INTEGER NOT NULL,
  tokens              REAL NOT NULL,
  flops_6nd           REAL NOT NULL,
  flops_exact         REAL NOT NULL,
  priority            REAL NOT NULL,
  state               TEXT NOT NULL DEFAULT 'planned' CHECK (state IN
    ('planned', 'running', 'done', 'failed', 'diverged', 'out_of_memory', 'cancelled')),
  token               INTEGER NOT NULL DEFAULT 0,
  kills               INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX trials_state ON trials (state);

CREATE TABLE study_trials (
  study   INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  trial   INTEGER NOT NULL REFERENCES trials (id),
  ordinal INTEGER NOT NULL,
  budget  REAL,
  PRIMARY KEY (study, trial)
) WITHOUT ROWID;
CREATE INDEX study_trials_trial ON study_trials (trial);

CREATE TABLE queue (
  study    INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  kills    INTEGER NOT NULL,
  priority REAL NOT NULL,
  trial    INTEGER NOT NULL REFERENCES trials (id),
  PRIMARY KEY (study, kills, priority DESC, trial)
) WITHOUT ROWID;
CREATE INDEX queue_trial ON queue (trial);

CREATE TRIGGER queue_new AFTER INSERT ON study_trials BEGIN
  INSERT INTO queue SELECT NEW.study, kills, priority, id FROM trials
    WHERE id = NEW.trial AND state = 'planned';
END;
CREATE TRIGGER queue_left AFTER DELETE ON study_trials BEGIN
  DELETE FROM queue WHERE trial = OLD.trial AND study = OLD.study;
END;
CREATE TRIGGER queue_follow AFTER UPDATE OF state, kills, priority ON trials BEGIN
  DELETE FROM queue WHERE trial = NEW.id;
  INSERT INTO queue SELECT study, NEW.kills, NEW.priority, NEW.id FROM study_trials
    WHERE trial = NEW.id AND NEW.state = 'planned';
END;

CREATE TABLE attempts (
  id            INTEGER PRIMARY KEY,
  trial         INTEGER NOT NULL REFERENCES trials (id),
  number        INTEGER NOT NULL,
  token         INTEGER NOT NULL,
  host          TEXT NOT NULL,
  boot_id       TEXT NOT NULL,
  pid_namespace INTEGER NOT NULL,
  pid           INTEGER NOT NULL,
  start_ticks   INTEGER NOT NULL,
  device        TEXT NOT NULL,
  version       TEXT NOT NULL,
  compiler      TEXT NOT NULL,
  started       REAL NOT NULL,
  heartbeat     REAL NOT NULL,
  ended         REAL,
  outcome       TEXT NOT NULL DEFAULT 'running' CHECK (outcome IN
    ('running', 'done', 'failed', 'diverged', 'out_of_memory', 'interrupted', 'killed')),
  reason        TEXT NOT NULL DEFAULT '',
  steps         INTEGER NOT NULL DEFAULT 0,
  tokens        REAL NOT NULL DEFAULT 0,
  seconds       REAL NOT NULL DEFAULT 0,
  UNIQUE (trial, number)
);
CREATE UNIQUE INDEX attempts_one_done ON attempts (trial) WHERE outcome = 'done';
CREATE UNIQUE INDEX attempts_one_running ON attempts (trial) WHERE outcome = 'running';

CREATE TABLE curve_points (
  attempt      INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  step         INTEGER NOT NULL,
  tokens       REAL NOT NULL,
  flops        REAL NOT NULL,
  train_loss   REAL,
  heldout_loss REAL,
  rate         REAL,
  grad_norm    REAL,
  seconds      REAL,
  PRIMARY KEY (attempt, step)
) WITHOUT ROWID;

CREATE TABLE evaluations (
  attempt        INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
  heldout        TEXT NOT NULL,
  loss           REAL NOT NULL,
  standard_error REAL NOT NULL,
  bits_per_byte  REAL,
  tokens         REAL NOT NULL,
  excess         REAL,
  excess_error   REAL,
  PRIMARY KEY (attempt, heldout)
) WITHOUT ROWID;

CREATE TABLE observations (
  id         INTEGER PRIMARY KEY,
  source     TEXT NOT NULL,
  row        INTEGER NOT NULL,
  label      TEXT NOT NULL DEFAULT '',
  params     REAL NOT NULL,
  tokens     REAL NOT NULL,
  flops      REAL NOT NULL,
  convention TEXT NOT NULL DEFAULT '6nd',
  loss       REAL NOT NULL,
  loss_error REAL NOT NULL DEFAULT 0,
  budget     REAL,
  seed       INTEGER NOT NULL DEFAULT 0,
  added      REAL NOT NULL,
  UNIQUE (source, row)
);

CREATE TABLE corpora (
  identity TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  path     TEXT NOT NULL,
  manifest TEXT NOT NULL CHECK (json_valid(manifest)),
  added    REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE fits (
  id      INTEGER PRIMARY KEY,
  study   INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  created REAL NOT NULL,
  version TEXT NOT NULL,
  json    TEXT NOT NULL CHECK (json_valid(json))
);
CREATE INDEX fits_study ON fits (study, id);

CREATE VIEW results AS
  SELECT s.name AS study, st.ordinal, st.budget, t.id AS trial, t.identity, t.seed, t.params,
         t.params_attention + t.params_feed_forward + t.params_norms AS params_non_embedding,
         t.tokens, t.flops_6nd, t.flops_exact, e.heldout, e.loss, e.standard_error,
         e.bits_per_byte, e.excess, e.excess_error, a.seconds, a.device, a.version
  FROM studies s JOIN study_trials st ON st.study = s.id JOIN trials t ON t.id = st.trial
  JOIN attempts a ON a.trial = t.id AND a.outcome = 'done'
  JOIN evaluations e ON e.attempt = a.id
  WHERE t.state = 'done';

CREATE VIEW progress AS
  SELECT s.name AS study, t.state, count(*) AS trials, sum(t.flops_exact) AS flops_exact
  FROM studies s JOIN study_trials st ON st.study = s.id JOIN trials t ON t.id = st.trial
  GROUP BY s.id, t.state;
)sql";

}  // namespace isoflop
