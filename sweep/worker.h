// The loop of one worker: claim a trial, run it (sweep/attempt.h), write down its end, until none
// is planned. While all that are planned wait for a shared trunk (db/store.h), the worker waits
// too: it looks again after 10 ms, then after longer, at most 0.25 s.
//
// A worker whose claim was given to another, or whose trial was cancelled (heartbeat says so),
// drops the trial and goes on with the next. On stop the trial is planned again and the worker
// ends. It also ends after a trial that failed or ran out of memory, once that is written down: the
// next one then begins in a fresh process, with all of the memory; the driver starts it.
//
// Stacks: with `stack` above 1 a claim takes up to so many planned trials of one key, which run
// together (sweep/attempt.h) and end each at its own time. A stack that finds no memory is halved
// for its key and its trials are planned again; one in which something was thrown is taken apart,
// so that the trial whose fault it is fails alone. Trials that died more than once run alone
// (db/store.h).
//
// A store that another process keeps locked is waited for, `attempt.patience_seconds` in all.
//
// Errors: an Error of the runner would fail every trial alike, so the trial is planned again and
// the Error passed on. When a disk is full ("disk_full") the trial is planned again, as far as the
// store can still be written, and the report says so instead.
#ifndef ISOFLOP_SWEEP_WORKER_H_
#define ISOFLOP_SWEEP_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/retry_policy.h"
#include "core/trial_runner.h"
#include "db/store.h"
#include "sweep/attempt.h"

namespace isoflop {

// Into the store, as the claim's attempt.
std::unique_ptr<AttemptLog> store_log(Store& store, const Claim& claim);

struct WorkerOptions {
  // corpus_dir: by default the store's own note of it; an Error when it has none.
  AttemptOptions attempt = {};
  RetryPolicy policy = {};
  double lease_seconds = kLeaseSeconds;
  // Most trials that are trained as one batched model, where the runner can (stack_key).
  std::size_t stack = 1;
  std::function<std::unique_ptr<AttemptLog>(Store&, const Claim&)> log = store_log;
};

struct WorkerReport {
  std::int64_t done = 0;
  std::int64_t diverged = 0;
  std::int64_t failed = 0;  // out of memory included; at most 1
  std::int64_t lost = 0;    // claims that were no longer current at the end
  bool interrupted = false;
  std::string disk_full = {};  // which disk, and what it lacks; empty: none is
};

WorkerReport run_worker(Store& store, const std::string& study, TrialRunner& runner,
                        const WorkerOptions& options = {});

// How a worker process tells its driver how it ended; other statuses mean that every trial would
// fail alike.
inline constexpr int kWorkerStopped = 130;  // it was asked to
inline constexpr int kWorkerSetback = 70;   // its last trial failed or ran out of memory
inline constexpr int kWorkerDiskFull = 74;
int exit_status(const WorkerReport& report);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_WORKER_H_
