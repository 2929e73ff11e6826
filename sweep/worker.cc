#include "sweep/worker.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/schedule.h"
#include "core/stopwatch.h"

namespace isoflop {
namespace {

// Keeps curve points until there are enough of them, or they are old enough, for one transaction.
class CurveWriter {
 public:
  CurveWriter(Store& store, const Claim& claim, const WorkerOptions& options)
      : store_(store), claim_(claim), options_(options) {}

  void add(std::span<const CurvePoint> points) {
    points_.insert(points_.end(), points.begin(), points.end());
    if (points_.size() >= options_.flush_points || flushed_.seconds() >= options_.flush_seconds) {
      flush();
    }
  }

  void flush() {
    store_.append_curve(claim_, points_);
    points_.clear();
    flushed_.restart();
  }

 private:
  Store& store_;
  const Claim& claim_;
  const WorkerOptions& options_;
  std::vector<CurvePoint> points_;
  Stopwatch flushed_;
};

// Answers should_stop, and sends heartbeats on the way.
class Pulse {
 public:
  Pulse(Store& store, const Claim& claim, const WorkerOptions& options)
      : store_(store), claim_(claim), options_(options) {
    if (!trunk_identity(claim.trial).empty()) branch_ = branch_tokens(claim.trial);
  }

  bool should_stop(double tokens_done) {
    if (options_.stop()) return true;
    // At the branch itself the trunk's state may still be on its way to the disk.
    const bool passed = tokens_done > branch_;
    if (!lost_ && (passed || last_.seconds() >= options_.heartbeat_seconds)) {
      lost_ = !store_.heartbeat(claim_, tokens_done);
      last_.restart();
      if (passed) branch_ = kNone;
    }
    return lost_;
  }

 private:
  Store& store_;
  const Claim& claim_;
  const WorkerOptions& options_;
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  double branch_ = kNone;  // tokens beyond which others may go on from this trial's trunk
  bool lost_ = false;
  Stopwatch last_;
};

// Sleeps a little longer every time, so that looking costs nothing and finding takes no time.
class Backoff {
 public:
  void sleep() {
    std::this_thread::sleep_for(next_);
    next_ = std::min(2 * next_, kLongest);
  }
  void restart() { next_ = kShortest; }

 private:
  static constexpr std::chrono::milliseconds kShortest{10};
  static constexpr std::chrono::milliseconds kLongest{250};
  std::chrono::milliseconds next_ = kShortest;
};

std::string corpus_dir(const Store& store, const Trial& trial, const WorkerOptions& options) {
  if (trial.data.source != "text" || trial.trainer == "tabular") return "";
  if (options.corpus_dir) return options.corpus_dir(trial);
  const auto corpus = store.find_corpus(trial.data.hash);
  if (corpus) return corpus->path;
  throw failure("corpus: " + trial.data.hash.substr(0, 12) +
                ": the store does not know where it lies; prepare it with isoflop data prepare "
                "and run the sweep from its file again");
}

Outcome run_one(TrialRunner& runner, const Trial& trial, RunContext& context) {
  try {
    std::vector<Outcome> outcomes = runner.run({&trial, 1}, context);
    if (!outcomes.empty()) return outcomes.front();
    return {.reason = "the trainer gave no outcome"};
  } catch (const std::bad_alloc&) {
    return {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory"};
  }
}

Outcome run_claim(Store& store, TrialRunner& runner, const Claim& claim,
                  const WorkerOptions& options) {
  CurveWriter curve(store, claim, options);
  Pulse pulse(store, claim, options);
  RunContext context{.corpus_dir = corpus_dir(store, claim.trial, options),
                     .device = options.device,
                     .checkpoint_dir = options.checkpoint_dir,
                     .checkpoint_seconds = options.checkpoint_seconds,
                     .micro_batch = options.micro_batch,
                     .peak_flops = options.peak_flops,
                     .record_curve = [&](std::span<const CurvePoint> points) { curve.add(points); },
                     .should_stop = [&](double tokens) { return pulse.should_stop(tokens); }};
  Outcome outcome = run_one(runner, claim.trial, context);
  curve.flush();
  for (const std::string& note : outcome.notes) options.note(note);
  return outcome;
}

void count(WorkerReport& report, OutcomeStatus status) {
  switch (status) {
    case OutcomeStatus::kDone:
      ++report.done;
      break;
    case OutcomeStatus::kDiverged:
      ++report.diverged;
      break;
    case OutcomeStatus::kInterrupted:
      break;
    case OutcomeStatus::kOutOfMemory:
    case OutcomeStatus::kFailed:
      ++report.failed;
      break;
  }
}

// Gives the trial back when the trouble is not the trial's own. The store's answer does not matter:
// whoever has the claim now decides.
void give_back(Store& store, const Claim& claim, const std::string& why) {
  store.finish(claim, {.status = OutcomeStatus::kInterrupted, .reason = why});
}

}  // namespace

WorkerReport run_worker(Store& store, const std::string& study, TrialRunner& runner,
                        const WorkerOptions& options) {
  const WorkerId self = this_worker(options.device);
  WorkerReport report;
  Backoff backoff;
  while (!(report.interrupted = options.stop())) {
    const auto claim = store.claim_next(study, self);
    if (!claim) {
      if (!store.has_planned(study)) break;
      backoff.sleep();
      continue;
    }
    backoff.restart();
    Outcome outcome;
    try {
      outcome = run_claim(store, runner, *claim, options);
    } catch (const std::exception& error) {
      give_back(store, *claim, error.what());
      throw;
    }
    if (store.finish(*claim, outcome)) {
      count(report, outcome.status);
    } else {
      ++report.lost;
    }
  }
  return report;
}

}  // namespace isoflop
