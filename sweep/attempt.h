// One try at one trial: runs it, writes down what happens while it runs, and turns what goes wrong
// into an outcome by class (core/retry_policy.h says what follows from each).
//
//   std::bad_alloc                         out of memory
//   an exception that is not isoflop::Error  the trial's own bug: failed, with its what()
//   isoflop::Error                         would fail every trial alike: passed on. Code
//                                          "disk_full": a disk is full; the sweep has to stop
//
// The runner's thread never waits for the log: curve points and heartbeats go out from a thread of
// the attempt's own, points every `flush_seconds` or `flush_points`, heartbeats every
// `heartbeat_seconds` however long the runner is silent, and at once when the trial has passed its
// branch, for which others may wait (db/store.h). A log that fails does not fail the trial: what it
// did not take is kept and offered again, once a second at most. When the runner has ended, what is
// left is written before run_attempt returns; where it cannot be, the log's Error is passed on,
// after `patience_seconds` when it was "locked". A log that says "disk_full" makes the runner stop,
// so that its own checkpoint is its last.
//
// Threads: while run_attempt runs, `log` is used by the attempt's thread only, and before and after
// by the caller's only; so it needs no lock, and a Store will do.
#ifndef ISOFLOP_SWEEP_ATTEMPT_H_
#define ISOFLOP_SWEEP_ATTEMPT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/trial_runner.h"
#include "db/rows.h"
#include "sweep/energy_meter.h"

namespace isoflop {

// Where an attempt writes what happens: the store, or, on other hosts, a file. Throws Error when it
// cannot; what was handed over then comes again.
class AttemptLog {
 public:
  virtual ~AttemptLog() = default;
  virtual void append_curve(std::span<const CurvePoint> points) = 0;
  // False: the claim is no longer current; the trial stops.
  virtual bool heartbeat(double tokens_done) = 0;
};

struct AttemptOptions {
  std::string device = "cpu";
  // The prepared corpus' folder for a trial; needed where a trial reads text, and asked for no
  // other.
  std::function<std::string(const Trial&)> corpus_dir;
  // Asked from should_stop, on the runner's thread; see stop_signal.h.
  std::function<bool()> stop = [] { return false; };
  // What whoever reads the process' log should know: the trial that begins, Outcome::notes, a bad
  // end, and trouble with the log. Called from the attempt's thread as well.
  std::function<void(const std::string&)> note = [](const std::string&) {};
  // Handed to the runner, see core/trial_runner.h.
  std::string checkpoint_dir = {};
  double checkpoint_seconds = 300;
  double peak_flops = 0;
  // Measures the device; null: it is not measured.
  std::shared_ptr<EnergyMeter> energy = {};
  double heartbeat_seconds = 2;
  double flush_seconds = 0.5;
  std::size_t flush_points = 64;
  // How long a log that another process keeps locked is waited for at the end.
  double patience_seconds = 600;
};

// Runs claim.trial with micro-batches of claim.micro_batch sequences.
Outcome run_attempt(TrialRunner& runner, const Claim& claim, AttemptLog& log,
                    const AttemptOptions& options);

// Trials that the runner trains as one batched model (TrialRunner::run_stack), each with its own
// log, which the attempts' threads use at the same time.
//
// What runs out of memory or throws among several is planned again (kInterrupted) and the result
// says so: a smaller stack, or each alone, shows whose fault it is.
enum class StackTrouble { kNone, kMemory, kBug };
// Called on the caller's thread, once a trial, when it has ended and its log is written: before
// others end, where others go on.
using FinishStacked = std::function<void(std::size_t, const Outcome&)>;
StackTrouble run_stacked_attempts(TrialRunner& runner, std::span<const Claim> claims,
                                  std::span<AttemptLog* const> logs, const AttemptOptions& options,
                                  const FinishStacked& finish);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_ATTEMPT_H_
