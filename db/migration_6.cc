#include "db/migration_texts.h"

namespace isoflop {

// Measured energy of attempts, and in `spent` the joules and the seconds that they are of, kept by
// the same triggers.
const char* const kMigration6 = R"sql(
ALTER TABLE attempts ADD COLUMN energy REAL;
ALTER TABLE spent ADD COLUMN energy REAL NOT NULL DEFAULT 0;
ALTER TABLE spent ADD COLUMN metered REAL NOT NULL DEFAULT 0;

DROP TRIGGER spent_follow;
DROP TRIGGER spent_elsewhere;
DROP TRIGGER spent_shared;
CREATE TRIGGER spent_follow AFTER UPDATE OF outcome ON attempts
  WHEN OLD.outcome = 'running' AND NEW.outcome <> 'running' BEGIN
  INSERT INTO spent (study, device, params, attempts, seconds, flops, uncounted, energy, metered)
    SELECT st.study, NEW.device, t.params, 1, NEW.seconds, coalesce(NEW.flops, 0),
      iif(NEW.flops > 0, 0, NEW.seconds), coalesce(NEW.energy, 0),
      iif(NEW.energy IS NULL, 0, NEW.seconds)
      FROM study_trials st JOIN trials t ON t.id = st.trial WHERE st.trial = NEW.trial
    ON CONFLICT DO UPDATE SET attempts = attempts + 1, seconds = seconds + excluded.seconds,
      flops = flops + excluded.flops, uncounted = uncounted + excluded.uncounted,
      energy = energy + excluded.energy, metered = metered + excluded.metered;
END;
CREATE TRIGGER spent_elsewhere AFTER INSERT ON attempts WHEN NEW.outcome <> 'running' BEGIN
  INSERT INTO spent (study, device, params, attempts, seconds, flops, uncounted, energy, metered)
    SELECT st.study, NEW.device, t.params, 1, NEW.seconds, coalesce(NEW.flops, 0),
      iif(NEW.flops > 0, 0, NEW.seconds), coalesce(NEW.energy, 0),
      iif(NEW.energy IS NULL, 0, NEW.seconds)
      FROM study_trials st JOIN trials t ON t.id = st.trial WHERE st.trial = NEW.trial
    ON CONFLICT DO UPDATE SET attempts = attempts + 1, seconds = seconds + excluded.seconds,
      flops = flops + excluded.flops, uncounted = uncounted + excluded.uncounted,
      energy = energy + excluded.energy, metered = metered + excluded.metered;
END;
CREATE TRIGGER spent_shared AFTER INSERT ON study_trials BEGIN
  INSERT INTO spent (study, device, params, attempts, seconds, flops, uncounted, energy, metered)
    SELECT NEW.study, a.device, t.params, count(*), sum(a.seconds), sum(coalesce(a.flops, 0)),
      sum(iif(a.flops > 0, 0, a.seconds)), sum(coalesce(a.energy, 0)),
      sum(iif(a.energy IS NULL, 0, a.seconds))
      FROM attempts a JOIN trials t ON t.id = a.trial
      WHERE a.trial = NEW.trial AND a.outcome <> 'running' GROUP BY a.device, t.params
    ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts,
      seconds = seconds + excluded.seconds, flops = flops + excluded.flops,
      uncounted = uncounted + excluded.uncounted, energy = energy + excluded.energy,
      metered = metered + excluded.metered;
END;
)sql";

}  // namespace isoflop
