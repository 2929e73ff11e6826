// An attempt that is made where the store cannot be opened (another host, a batch job), as its
// attempt file tells it: who, how far, and how it ended. sweep/task.h makes them, io/attempt_file.h
// writes and reads them, Store::import_attempt takes them in.
//
// Units as in core/trial_runner.h; moments in Unix seconds by the clock of the attempt's own host.
#ifndef ISOFLOP_CORE_FOREIGN_ATTEMPT_H_
#define ISOFLOP_CORE_FOREIGN_ATTEMPT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/trial_runner.h"
#include "core/worker_id.h"

namespace isoflop {

struct ForeignAttempt {
  std::string origin = {};    // unique for ever: the attempt file's name
  std::string identity = {};  // of its trial
  WorkerId worker = {};
  std::string job = {};      // "slurm 1234_5": the scheduler's name for it; empty: none
  std::int64_t restart = 0;  // how often the scheduler had started that job before
  double assigned = 0;       // Assignment::written of the assignment that it is of
  std::string version = {};  // of the isoflop that made it
  std::string compiler = {};
  std::int64_t micro_batch = 0;
  double started = 0;
  double heartbeat = 0;    // last sign of life
  double tokens_done = 0;  // at that moment
  std::vector<CurvePoint> curve = {};
  std::optional<Outcome> outcome = {};  // empty: it has not ended, or not cleanly
  bool final = false;  // with an outcome: whoever made it will not try the trial again
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_FOREIGN_ATTEMPT_H_
