// Runs a study with one worker process a core, and sees to it that it ends whatever dies.
//
// The driver starts no trial itself and never touches LibTorch: it execs `worker_command` (the
// program itself, "sweep worker ..."), each worker pinned to a core, single-threaded, with glibc's
// malloc kept from giving pages back (OMP_NUM_THREADS, MKL_NUM_THREADS, MALLOC_*_). Workers claim
// from the store, so that two drivers on one store share the work and no trial runs twice.
//
//   a worker is killed      its trial is planned again, and counted only where it made no progress
//                           (core/retry_policy.h); killed by the kernel because memory ran out: the
//                           trial is tried again with half the micro-batch
//   a worker crashes        (SIGSEGV, SIGABRT, ...) a bug of its trial: tried again `policy.bugs`
//                           times, then failed
//   a trial fails, or runs out of memory in the worker: the store knows, another worker is started
//   a worker exits badly    the others are stopped; Error(kFailed) shows the end of its log
//   a disk is full          the others are stopped as when stop_count() is 1; `disk_full`
//   the driver is killed    the workers die with it (PR_SET_PDEATHSIG); run again to go on
//   stop_count() is 1       SIGTERM to the workers, which save, plan their trials again and end;
//                           `interrupted`. Who has not ended after `grace_seconds` is killed
//   stop_count() is 2       SIGKILL; trials go on from their last checkpoint
//   max_seconds are over    as when stop_count() is 1; `out_of_time`
//
// Signals that reach the workers as well (Ctrl-C in a terminal) count once for them.
//
// Workers that wait for a trunk that another trains (db/store.h) live on until there is nothing
// left. Returns when nothing is left to claim and its own workers have ended; another driver's
// trials may still be running then. Call it from a thread that outlives the call (the main thread):
// PDEATHSIG is bound to the thread that started the worker.
#ifndef ISOFLOP_SWEEP_DRIVER_H_
#define ISOFLOP_SWEEP_DRIVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/retry_policy.h"
#include "core/sweep_status.h"

namespace isoflop {

struct SweepOptions {
  std::string db;  // path of the store
  std::string study;
  int workers = 0;                          // 0: one a core that this process may use
  std::vector<std::string> worker_command;  // program (a path, or found in PATH) and its arguments
  std::string log_dir;                      // worker-0.log, ...; default: <db>.logs
  // Called about every `progress_seconds`; eta is empty until there is a rate to go by.
  std::function<void(const SweepStatus&, std::optional<double> eta_seconds)> progress;
  double progress_seconds = 0.5;
  std::function<int()> stop_count = [] { return 0; };  // e.g. StopSignal::count
  RetryPolicy policy = {};  // of deaths and crashes; the workers have their own for the rest
  double max_seconds = 0;   // of wall clock; 0: no end
  double grace_seconds = 120;
  // What the user should know at once: the first trials that fail, with the end of their worker's
  // log; workers that were killed because they did not stop.
  std::function<void(const std::string&)> note = [](const std::string&) {};
  // How many processes the kernel has killed so far because memory ran out; by default
  // kernel_oom_kills (sweep/memory_watch.h).
  std::function<std::int64_t()> oom_kills = {};
};

struct SweepSummary {
  SweepStatus status;
  bool interrupted = false;  // stopped before the study's end
  bool out_of_time = false;  // by max_seconds
  double seconds = 0;
  int workers = 0;
  int restarts = 0;  // workers started in place of killed ones and after a trial's setback
  std::string disk_full = {};  // which disk, and what it lacks; empty: none was
};

SweepSummary run_sweep(const SweepOptions& options);

// Cores in the affinity mask of this process.
std::vector<int> usable_cores();

// Seconds left at the rate from (then, `before`) to (now, `status`), weighted by FLOPs. Empty until
// something was done.
std::optional<double> eta_seconds(const SweepStatus& before, const SweepStatus& status,
                                  double elapsed);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_DRIVER_H_
