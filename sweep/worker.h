// The loop of one worker: claim a trial, run it, write down what happened, until none is planned.
// While all that are planned wait for a shared trunk (db/store.h), the worker waits too: it looks
// again after 10 ms, then after longer, at most 0.25 s.
//
// Curves are written in batches, at the latest every `flush_seconds` or `flush_points`; the
// heartbeat goes out from the runner's own thread when it asks should_stop, and at once when the
// trial has passed its branch, for which others may wait. A worker whose claim
// was given to another (heartbeat says so) drops the trial and goes on with the next. On stop the
// trial is planned again and the worker ends.
//
// Errors: what the runner throws would fail every trial alike, so the trial is planned again and
// the exception passed on; std::bad_alloc is the trial's outcome (out of memory).
#ifndef ISOFLOP_SWEEP_WORKER_H_
#define ISOFLOP_SWEEP_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/trial_runner.h"
#include "db/store.h"

namespace isoflop {

struct WorkerOptions {
  std::string device = "cpu";
  // The prepared corpus' folder for a trial. By default the store's own note of it; an Error when
  // it has none. Not asked for trials whose data are synthetic.
  std::function<std::string(const Trial&)> corpus_dir;
  // Asked between trials and from should_stop; see stop_signal.h.
  std::function<bool()> stop = [] { return false; };
  // What Outcome::notes say, for the worker's log.
  std::function<void(const std::string&)> note = [](const std::string&) {};
  // Handed to the runner, see core/trial_runner.h.
  std::string checkpoint_dir = {};
  double checkpoint_seconds = 300;
  std::int64_t micro_batch = 0;
  double peak_flops = 0;
  double heartbeat_seconds = 2;
  double flush_seconds = 0.5;
  std::size_t flush_points = 64;
};

struct WorkerReport {
  std::int64_t done = 0;
  std::int64_t diverged = 0;
  std::int64_t failed = 0;  // out of memory included
  std::int64_t lost = 0;    // claims that were no longer current at the end
  bool interrupted = false;
};

WorkerReport run_worker(Store& store, const std::string& study, TrialRunner& runner,
                        const WorkerOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_WORKER_H_
