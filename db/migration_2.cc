#include "db/migration_texts.h"

namespace isoflop {

// Trials that share a trunk (core/schedule.h) are to run in the order of their branches, so that
// each goes on from where the one before it left. `queue` now names every planned trial's trunk and
// which of the trunk's trials is its head, the only one that may be claimed. The triggers below
// move the head in O(log n). Whether a running trial of the trunk is still in the way is asked at
// the claim (db/claims.cc): it changes with every heartbeat.
const char* const kMigration2 = R"sql(
ALTER TABLE trials ADD COLUMN trunk TEXT NOT NULL DEFAULT '';
ALTER TABLE trials ADD COLUMN branch_tokens REAL NOT NULL DEFAULT 0;
DROP INDEX trials_state;
CREATE INDEX trials_state_trunk ON trials (state, trunk);

ALTER TABLE study_trials ADD COLUMN role TEXT NOT NULL DEFAULT 'grid'
  CHECK (role IN ('grid', 'bracket'));

ALTER TABLE attempts ADD COLUMN unique_tokens REAL;
ALTER TABLE attempts ADD COLUMN epochs REAL;
ALTER TABLE attempts ADD COLUMN mfu REAL;
ALTER TABLE attempts ADD COLUMN resumed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN flops REAL;
UPDATE attempts SET flops = tokens * (SELECT flops_exact / t.tokens FROM trials t WHERE t.id = trial)
  WHERE outcome NOT IN ('running', 'killed');

ALTER TABLE curve_points ADD COLUMN heldout_error REAL;

DROP TRIGGER queue_new;
DROP TRIGGER queue_left;
DROP TRIGGER queue_follow;
DROP TABLE queue;
CREATE TABLE queue (
  study         INTEGER NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
  trial         INTEGER NOT NULL REFERENCES trials (id),
  kills         INTEGER NOT NULL,
  priority      REAL NOT NULL,
  trunk         TEXT NOT NULL,
  branch_tokens REAL NOT NULL,
  head          INTEGER NOT NULL,
  PRIMARY KEY (study, trial)
) WITHOUT ROWID;
CREATE INDEX queue_trial ON queue (trial);
CREATE INDEX queue_order ON queue (study, kills, priority DESC, trial) WHERE head = 1;
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
  INSERT INTO queue SELECT NEW.study, id, kills, priority, trunk, branch_tokens, trunk = ''
    FROM trials WHERE id = NEW.trial AND state = 'planned';
END;
CREATE TRIGGER queue_left AFTER DELETE ON study_trials BEGIN
  DELETE FROM queue WHERE trial = OLD.trial AND study = OLD.study;
END;
CREATE TRIGGER queue_follow AFTER UPDATE OF state, kills, priority ON trials BEGIN
  DELETE FROM queue WHERE trial = NEW.id;
  INSERT INTO queue SELECT study, NEW.id, NEW.kills, NEW.priority, NEW.trunk, NEW.branch_tokens,
    NEW.trunk = '' FROM study_trials WHERE trial = NEW.id AND NEW.state = 'planned';
END;
INSERT INTO queue SELECT st.study, t.id, t.kills, t.priority, t.trunk, t.branch_tokens, 1
  FROM study_trials st JOIN trials t ON t.id = st.trial WHERE t.state = 'planned';

DROP VIEW results;
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
)sql";

}  // namespace isoflop
