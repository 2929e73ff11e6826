#include "sweep/worker.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <span>
#include <thread>

#include "core/disk_space.h"
#include "core/error.h"
#include "sweep/patience.h"

namespace isoflop {
namespace {

class StoreLog : public AttemptLog {
 public:
  StoreLog(Store& store, const Claim& claim) : store_(store), claim_(claim) {}
  void append_curve(std::span<const CurvePoint> points) override {
    store_.append_curve(claim_, points);
  }
  bool heartbeat(double tokens_done) override { return store_.heartbeat(claim_, tokens_done); }

 private:
  Store& store_;
  const Claim& claim_;
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

std::string known_corpus(const Store& store, const Trial& trial) {
  const auto corpus = store.find_corpus(trial.data.hash);
  if (corpus) return corpus->path;
  throw failure("corpus: " + trial.data.hash.substr(0, 12) +
                ": the store does not know where it lies; prepare it with isoflop data prepare "
                "and run the sweep from its file again");
}

class Worker {
 public:
  Worker(Store& store, const std::string& study, TrialRunner& runner, const WorkerOptions& options)
      : store_(store), study_(study), runner_(runner), options_(options) {}

  WorkerReport run();

 private:
  std::optional<Claim> wait_for_claim();
  void run_claim(const Claim& claim);
  void give_back(const Claim& claim, const std::string& why);
  void count(OutcomeStatus status);
  template <class Work>
  auto patient(const Work& work) {
    return patiently(options_.attempt.patience_seconds, options_.attempt.stop, work);
  }

  Store& store_;
  const std::string& study_;
  TrialRunner& runner_;
  const WorkerOptions& options_;
  const WorkerId self_ = this_worker(options_.attempt.device);
  WorkerReport report_;
};

// Empty when there is nothing left, or on stop.
std::optional<Claim> Worker::wait_for_claim() {
  Backoff backoff;
  while (!(report_.interrupted = options_.attempt.stop())) {
    auto claim = patient([&] { return store_.claim_next(study_, self_, options_.lease_seconds); });
    if (claim) return claim;
    if (!patient([&] { return store_.has_planned(study_); })) break;
    backoff.sleep();
  }
  return std::nullopt;
}

void Worker::count(OutcomeStatus status) {
  switch (status) {
    case OutcomeStatus::kDone:
      ++report_.done;
      break;
    case OutcomeStatus::kDiverged:
      ++report_.diverged;
      break;
    case OutcomeStatus::kInterrupted:
      break;
    case OutcomeStatus::kOutOfMemory:
    case OutcomeStatus::kFailed:
      ++report_.failed;
      break;
  }
}

// The trouble is not the trial's own. The store's answer does not matter: whoever has the claim now
// decides, and where nothing can be written the death of this process gives it back.
void Worker::give_back(const Claim& claim, const std::string& why) {
  try {
    store_.finish(claim, {.status = OutcomeStatus::kInterrupted, .reason = why}, options_.policy);
  } catch (const Error& error) {
    options_.attempt.note(std::string("not given back: ") + error.what());
  }
}

void Worker::run_claim(const Claim& claim) {
  AttemptOptions attempt = options_.attempt;
  if (!attempt.corpus_dir) {
    attempt.corpus_dir = [&](const Trial& trial) { return known_corpus(store_, trial); };
  }
  const auto log = options_.log(store_, claim);
  try {
    const Outcome outcome = run_attempt(runner_, claim, *log, attempt);
    const bool current = patiently(
        attempt.patience_seconds, [] { return false; },
        [&] { return store_.finish(claim, outcome, options_.policy); });
    if (current) {
      count(outcome.status);
      if (outcome.status == OutcomeStatus::kDone) {
        runner_.forget(claim.trial, attempt.checkpoint_dir);
      }
    } else {
      ++report_.lost;
    }
  } catch (const Error& error) {
    give_back(claim, error.what());
    throw;
  }
}

WorkerReport Worker::run() {
  try {
    while (report_.failed == 0) {
      const auto claim = wait_for_claim();
      if (!claim) break;
      run_claim(*claim);
    }
  } catch (const Error& error) {
    report_.interrupted = options_.attempt.stop();
    if (error.code() == "locked" && report_.interrupted) return report_;
    if (error.code() != kDiskFull) throw;
    report_.disk_full = error.what();
    options_.attempt.note(error.what());
  }
  return report_;
}

}  // namespace

std::unique_ptr<AttemptLog> store_log(Store& store, const Claim& claim) {
  return std::make_unique<StoreLog>(store, claim);
}

WorkerReport run_worker(Store& store, const std::string& study, TrialRunner& runner,
                        const WorkerOptions& options) {
  return Worker(store, study, runner, options).run();
}

int exit_status(const WorkerReport& report) {
  if (!report.disk_full.empty()) return kWorkerDiskFull;
  if (report.interrupted) return kWorkerStopped;
  return report.failed > 0 ? kWorkerSetback : 0;
}

}  // namespace isoflop
