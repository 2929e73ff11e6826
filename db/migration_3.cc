#include "db/migration_texts.h"

namespace isoflop {

// A trial's life. New: the state `leased` (handed to somebody outside of this host), how often a
// trial has failed by its own fault, the micro-batch it has come down to, and how far its killed
// attempts came; attempts have a lease, a heartbeat on the clock that no one can set, and an origin
// when they were made elsewhere. The columns' CHECKs can only be widened by building the tables
// anew, for which db/schema.cc turns foreign keys off.
//
// `tallies` (trials by budget, size and state) and `spent` (by device and size) hold what status
// shows, kept by triggers, so that looking at a grid costs the same whether its cells hold one
// trial each or a thousand.
const char* const kMigration3 = R"sql(
DROP VIEW results;
DROP VIEW progress;
DROP TRIGGER queue_new;
DROP TRIGGER queue_left;
DROP TRIGGER queue_follow;
DROP TRIGGER queue_head_new;
DROP TRIGGER queue_head_left;

CREATE TABLE new_trials (
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
  trunk               TEXT NOT NULL DEFAULT '',
  branch_tokens       REAL NOT NULL DEFAULT 0,
  priority            REAL NOT NULL,
  early               INTEGER NOT NULL DEFAULT 0,
  state               TEXT NOT NULL DEFAULT 'planned' CHECK (state IN
    ('planned', 'leased', 'running', 'done', 'failed', 'diverged', 'out_of_memory', 'cancelled')),
  token               INTEGER NOT NULL DEFAULT 0,
  kills               INTEGER NOT NULL DEFAULT 0,
  failures            INTEGER NOT NULL DEFAULT 0,
  furthest            REAL NOT NULL DEFAULT 0,
  micro_batch         INTEGER NOT NULL DEFAULT 0,
  held_by             TEXT NOT NULL DEFAULT ''
);
INSERT INTO new_trials (id, identity, spec, trainer, seed, params, params_embedding,
    params_positions, params_attention, params_feed_forward, params_norms, params_head, tokens,
    flops_6nd, flops_exact, trunk, branch_tokens, priority, state, token, kills)
  SELECT id, identity, spec, trainer, seed, params, params_embedding, params_positions,
    params_attention, params_feed_forward, params_norms, params_head, tokens, flops_6nd,
    flops_exact, trunk, branch_tokens, priority, state, token, kills FROM trials;
DROP TABLE trials;
ALTER TABLE new_trials RENAME TO trials;
CREATE INDEX trials_state_trunk ON trials (state, trunk);
CREATE INDEX trials_trunk ON trials (trunk) WHERE trunk <> '';
CREATE INDEX trials_size ON trials (params, tokens);
CREATE INDEX trials_held ON trials (held_by) WHERE held_by <> '';

CREATE TABLE new_attempts (
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
  micro_batch   INTEGER NOT NULL DEFAULT 0,
  started       REAL NOT NULL,
  heartbeat     REAL NOT NULL,
  uptime        REAL NOT NULL DEFAULT 0,
  lease         REAL NOT NULL DEFAULT 600,
  ended         REAL,
  outcome       TEXT NOT NULL DEFAULT 'running' CHECK (outcome IN
    ('running', 'done', 'failed', 'diverged', 'out_of_memory', 'interrupted', 'killed', 'lost',
     'duplicate')),
  reason        TEXT NOT NULL DEFAULT '',
  log           TEXT NOT NULL DEFAULT '',
  steps         INTEGER NOT NULL DEFAULT 0,
  tokens        REAL NOT NULL DEFAULT 0,
  seconds       REAL NOT NULL DEFAULT 0,
  unique_tokens REAL,
  epochs        REAL,
  mfu           REAL,
  resumed_at    INTEGER NOT NULL DEFAULT 0,
  flops         REAL,
  origin        TEXT NOT NULL DEFAULT '',
  UNIQUE (trial, number)
);
INSERT INTO new_attempts (id, trial, number, token, host, boot_id, pid_namespace, pid, start_ticks,
    device, version, compiler, started, heartbeat, ended, outcome, reason, steps, tokens, seconds,
    unique_tokens, epochs, mfu, resumed_at, flops)
  SELECT id, trial, number, token, host, boot_id, pid_namespace, pid, start_ticks, device, version,
    compiler, started, heartbeat, ended, outcome, reason, steps, tokens, seconds, unique_tokens,
    epochs, mfu, resumed_at, flops FROM attempts;
DROP TABLE attempts;
ALTER TABLE new_attempts RENAME TO attempts;
CREATE UNIQUE INDEX attempts_one_done ON attempts (trial) WHERE outcome = 'done';
CREATE UNIQUE INDEX attempts_one_running ON attempts (trial) WHERE outcome = 'running';
CREATE UNIQUE INDEX attempts_origin ON attempts (origin) WHERE origin <> '';

DROP TABLE queue;
CREATE TABLE queue (
  study         INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  trial         INTEGER NOT NULL REFERENCES trials (id),
  setbacks      INTEGER NOT NULL,
  early         INTEGER NOT NULL,
  priority      REAL NOT NULL,
  trunk         TEXT NOT NULL,
  branch_tokens REAL NOT NULL,
  head          INTEGER NOT NULL,
  PRIMARY KEY (study, trial)
) WITHOUT ROWID;
CREATE INDEX queue_trial ON queue (trial);
CREATE INDEX queue_order ON queue (study, setbacks, early DESC, priority DESC, trial)
  WHERE head = 1;
CREATE INDEX queue_trunk ON queue (study, trunk, branch_tokens, trial);
CREATE UNIQUE INDEX queue_heads ON queue (study, trunk) WHERE head = 1 AND trunk <> '';

CREATE TRIGGER queue_head_new AFTER INSERT ON queue WHEN NEW.trunk <> '' BEGIN
  UPDATE queue SET head = 0 WHERE study = NEW.study AND trunk = NEW.trunk AND trunk <> ''
    AND head = 1 AND (branch_tokens, trial) > (NEW.branch_tokens, NEW.trial);
  UPDATE queue SET head = 1 WHERE study = NEW.study AND trial = NEW.trial AND NOT EXISTS
    (SELECT 1 FROM queue h WHERE h.study = NEW.study AND h.trunk = NEW.trunk AND h.trunk <> ''
       AND h.head = 1);
END;
CREATE TRIGGER queue_head_left AFTER DELETE ON queue WHEN OLD.head = 1 AND OLD.trunk <> '' BEGIN
  UPDATE queue SET head = 1 WHERE study = OLD.study AND trial =
    (SELECT n.trial FROM queue n WHERE n.study = OLD.study AND n.trunk = OLD.trunk
       ORDER BY n.branch_tokens, n.trial LIMIT 1);
END;
CREATE TRIGGER queue_new AFTER INSERT ON study_trials BEGIN
  INSERT INTO queue SELECT NEW.study, id, kills + failures, early, priority, trunk, branch_tokens,
    trunk = '' FROM trials WHERE id = NEW.trial AND state = 'planned';
END;
CREATE TRIGGER queue_left AFTER DELETE ON study_trials BEGIN
  DELETE FROM queue WHERE trial = OLD.trial AND study = OLD.study;
END;
CREATE TRIGGER queue_follow AFTER UPDATE OF state, kills, failures, early, priority ON trials BEGIN
  DELETE FROM queue WHERE trial = NEW.id;
  INSERT INTO queue SELECT study, NEW.id, NEW.kills + NEW.failures, NEW.early, NEW.priority,
    NEW.trunk, NEW.branch_tokens, NEW.trunk = '' FROM study_trials
    WHERE trial = NEW.id AND NEW.state = 'planned';
END;
INSERT INTO queue SELECT st.study, t.id, t.kills, t.early, t.priority, t.trunk, t.branch_tokens,
  t.trunk = '' FROM study_trials st JOIN trials t ON t.id = st.trial WHERE t.state = 'planned';

ALTER TABLE study_trials ADD COLUMN own_flops REAL NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN trunks INTEGER NOT NULL DEFAULT 0;
UPDATE study_trials SET own_flops = w.own FROM (
  SELECT st.study, st.trial, t.flops_exact * (1 - CASE t.trunk WHEN '' THEN 0 ELSE
    coalesce(lag(t.branch_tokens) OVER (PARTITION BY st.study, t.trunk
                                        ORDER BY t.branch_tokens, t.id), 0) / t.tokens END) AS own
  FROM study_trials st JOIN trials t ON t.id = st.trial) AS w
  WHERE w.study = study_trials.study AND w.trial = study_trials.trial;
UPDATE studies SET trunks = (SELECT count(*) FROM
  (SELECT 1 FROM study_trials st JOIN trials t ON t.id = st.trial
   WHERE st.study = studies.id AND t.trunk <> '' GROUP BY t.trunk HAVING count(*) > 1));

CREATE INDEX study_brackets ON study_trials (study, trial) WHERE role = 'bracket';

CREATE TABLE tallies (
  study  INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  role   TEXT NOT NULL,
  budget REAL NOT NULL,
  params REAL NOT NULL,
  state  TEXT NOT NULL,
  trials INTEGER NOT NULL DEFAULT 0,
  flops  REAL NOT NULL DEFAULT 0,
  alone  REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (study, role, budget, params, state)
) WITHOUT ROWID;
INSERT INTO tallies
  SELECT st.study, st.role, coalesce(st.budget, 0), t.params, t.state, count(*), sum(st.own_flops),
    sum(t.flops_exact)
  FROM study_trials st JOIN trials t ON t.id = st.trial
  GROUP BY st.study, st.role, coalesce(st.budget, 0), t.params, t.state;
CREATE TRIGGER tallies_new AFTER INSERT ON study_trials BEGIN
  INSERT INTO tallies
    SELECT NEW.study, NEW.role, coalesce(NEW.budget, 0), params, state, 1, NEW.own_flops,
      flops_exact FROM trials WHERE id = NEW.trial
    ON CONFLICT DO UPDATE SET trials = trials + 1, flops = flops + excluded.flops,
      alone = alone + excluded.alone;
END;
CREATE TRIGGER tallies_left AFTER DELETE ON study_trials BEGIN
  UPDATE tallies SET trials = tallies.trials - 1, flops = tallies.flops - OLD.own_flops,
    alone = tallies.alone - t.flops_exact FROM trials t
    WHERE t.id = OLD.trial AND tallies.study = OLD.study AND tallies.role = OLD.role
      AND tallies.budget = coalesce(OLD.budget, 0) AND tallies.params = t.params
      AND tallies.state = t.state;
END;
CREATE TRIGGER tallies_moved AFTER UPDATE OF own_flops, budget, role ON study_trials
  WHEN OLD.own_flops <> NEW.own_flops OR OLD.budget IS NOT NEW.budget OR OLD.role <> NEW.role BEGIN
  UPDATE tallies SET trials = tallies.trials - 1, flops = tallies.flops - OLD.own_flops,
    alone = tallies.alone - t.flops_exact FROM trials t
    WHERE t.id = OLD.trial AND tallies.study = OLD.study AND tallies.role = OLD.role
      AND tallies.budget = coalesce(OLD.budget, 0) AND tallies.params = t.params
      AND tallies.state = t.state;
  INSERT INTO tallies
    SELECT NEW.study, NEW.role, coalesce(NEW.budget, 0), params, state, 1, NEW.own_flops,
      flops_exact FROM trials WHERE id = NEW.trial
    ON CONFLICT DO UPDATE SET trials = trials + 1, flops = flops + excluded.flops,
      alone = alone + excluded.alone;
END;
CREATE TRIGGER tallies_follow AFTER UPDATE OF state ON trials WHEN OLD.state <> NEW.state BEGIN
  UPDATE tallies SET trials = tallies.trials - 1, flops = tallies.flops - st.own_flops,
    alone = tallies.alone - NEW.flops_exact FROM study_trials st
    WHERE st.trial = NEW.id AND tallies.study = st.study AND tallies.role = st.role
      AND tallies.budget = coalesce(st.budget, 0) AND tallies.params = NEW.params
      AND tallies.state = OLD.state;
  INSERT INTO tallies
    SELECT study, role, coalesce(budget, 0), NEW.params, NEW.state, 1, own_flops, NEW.flops_exact
      FROM study_trials WHERE trial = NEW.id
    ON CONFLICT DO UPDATE SET trials = trials + 1, flops = flops + excluded.flops,
      alone = alone + excluded.alone;
END;

CREATE TABLE spent (
  study     INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  device    TEXT NOT NULL,
  params    REAL NOT NULL,
  attempts  INTEGER NOT NULL,
  seconds   REAL NOT NULL,
  flops     REAL NOT NULL,
  uncounted REAL NOT NULL,
  PRIMARY KEY (study, device, params)
) WITHOUT ROWID;
INSERT INTO spent
  SELECT st.study, a.device, t.params, count(*), sum(a.seconds), sum(coalesce(a.flops, 0)),
    sum(iif(a.flops > 0, 0, a.seconds))
  FROM attempts a JOIN trials t ON t.id = a.trial JOIN study_trials st ON st.trial = t.id
  WHERE a.outcome <> 'running' GROUP BY st.study, a.device, t.params;
CREATE TRIGGER spent_follow AFTER UPDATE OF outcome ON attempts
  WHEN OLD.outcome = 'running' AND NEW.outcome <> 'running' BEGIN
  INSERT INTO spent
    SELECT st.study, NEW.device, t.params, 1, NEW.seconds, coalesce(NEW.flops, 0),
      iif(NEW.flops > 0, 0, NEW.seconds)
      FROM study_trials st JOIN trials t ON t.id = st.trial WHERE st.trial = NEW.trial
    ON CONFLICT DO UPDATE SET attempts = attempts + 1, seconds = seconds + excluded.seconds,
      flops = flops + excluded.flops, uncounted = uncounted + excluded.uncounted;
END;
CREATE TRIGGER spent_elsewhere AFTER INSERT ON attempts WHEN NEW.outcome <> 'running' BEGIN
  INSERT INTO spent
    SELECT st.study, NEW.device, t.params, 1, NEW.seconds, coalesce(NEW.flops, 0),
      iif(NEW.flops > 0, 0, NEW.seconds)
      FROM study_trials st JOIN trials t ON t.id = st.trial WHERE st.trial = NEW.trial
    ON CONFLICT DO UPDATE SET attempts = attempts + 1, seconds = seconds + excluded.seconds,
      flops = flops + excluded.flops, uncounted = uncounted + excluded.uncounted;
END;
CREATE TRIGGER spent_shared AFTER INSERT ON study_trials BEGIN
  INSERT INTO spent
    SELECT NEW.study, a.device, t.params, count(*), sum(a.seconds), sum(coalesce(a.flops, 0)),
      sum(iif(a.flops > 0, 0, a.seconds))
      FROM attempts a JOIN trials t ON t.id = a.trial
      WHERE a.trial = NEW.trial AND a.outcome <> 'running' GROUP BY a.device, t.params
    ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts,
      seconds = seconds + excluded.seconds, flops = flops + excluded.flops, uncounted = uncounted + excluded.uncounted;
END;

CREATE VIEW results AS
  SELECT s.name AS study, st.ordinal, st.budget, t.id AS trial, t.identity, t.seed, t.params,
         t.params_attention + t.params_feed_forward + t.params_norms AS params_non_embedding,
         t.tokens, t.flops_6nd, t.flops_exact, e.heldout, e.loss, e.standard_error,
         e.bits_per_byte, e.excess, e.excess_error, a.seconds, a.device, a.version,
         a.unique_tokens, a.epochs
  FROM studies s JOIN study_trials st ON st.study = s.id AND st.role = 'grid'
  JOIN trials t ON t.id = st.trial
  JOIN attempts a ON a.trial = t.id AND a.outcome = 'done'
  JOIN evaluations e ON e.attempt = a.id
  WHERE t.state = 'done';

CREATE VIEW progress AS
  SELECT s.name AS study, l.state, sum(l.trials) AS trials, sum(l.alone) AS flops_exact
  FROM studies s JOIN tallies l ON l.study = s.id WHERE l.trials > 0 GROUP BY s.id, l.state;
)sql";

}  // namespace isoflop
