#include "sweep/worker.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

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

// Several attempts' threads and the worker share one store.
class LockedLog : public AttemptLog {
 public:
  LockedLog(std::unique_ptr<AttemptLog> log, std::mutex& mutex)
      : log_(std::move(log)), mutex_(mutex) {}
  void append_curve(std::span<const CurvePoint> points) override {
    const std::lock_guard lock(mutex_);
    log_->append_curve(points);
  }
  bool heartbeat(double tokens_done) override {
    const std::lock_guard lock(mutex_);
    return log_->heartbeat(tokens_done);
  }

 private:
  std::unique_ptr<AttemptLog> log_;
  std::mutex& mutex_;
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
  std::vector<Claim> wait_for_claims();
  StackWish wish_of(const Trial& trial) const;
  AttemptOptions attempt_options();
  void run_claim(const Claim& claim);
  void run_stack(const std::vector<Claim>& claims);
  void finish(const Claim& claim, const Outcome& outcome);
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
  std::map<std::string, std::size_t> smaller_;  // stacks by key, where the wanted one was too much
  std::mutex mutex_;                            // of the store while a stack runs
};

StackWish Worker::wish_of(const Trial& trial) const {
  if (options_.stack <= 1) return {};
  StackWish wish{.key = runner_.stack_key(trial), .most = options_.stack};
  const auto known = smaller_.find(wish.key);
  if (known != smaller_.end()) wish.most = known->second;
  return wish;
}

// Empty when there is nothing left, or on stop.
std::vector<Claim> Worker::wait_for_claims() {
  Backoff backoff;
  const auto wish = [&](const Trial& trial) { return wish_of(trial); };
  while (!(report_.interrupted = options_.attempt.stop())) {
    auto claims =
        patient([&] { return store_.claim_stack(study_, self_, wish, options_.lease_seconds); });
    if (!claims.empty()) return claims;
    if (!patient([&] { return store_.has_planned(study_); })) break;
    backoff.sleep();
  }
  return {};
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

AttemptOptions Worker::attempt_options() {
  AttemptOptions attempt = options_.attempt;
  if (!attempt.corpus_dir) {
    attempt.corpus_dir = [&](const Trial& trial) { return known_corpus(store_, trial); };
  }
  return attempt;
}

void Worker::finish(const Claim& claim, const Outcome& outcome) {
  const bool current = patiently(
      options_.attempt.patience_seconds, [] { return false; },
      [&] { return store_.finish(claim, outcome, options_.policy); });
  if (!current) {
    ++report_.lost;
    return;
  }
  count(outcome.status);
  if (outcome.status == OutcomeStatus::kDone) {
    runner_.forget(claim.trial, options_.attempt.checkpoint_dir);
  }
}

void Worker::run_claim(const Claim& claim) {
  const auto log = options_.log(store_, claim);
  try {
    finish(claim, run_attempt(runner_, claim, *log, attempt_options()));
  } catch (const Error& error) {
    give_back(claim, error.what());
    throw;
  }
}

void Worker::run_stack(const std::vector<Claim>& claims) {
  std::vector<std::unique_ptr<AttemptLog>> logs;
  std::vector<AttemptLog*> pointers;
  for (const Claim& claim : claims) {
    logs.push_back(std::make_unique<LockedLog>(options_.log(store_, claim), mutex_));
    pointers.push_back(logs.back().get());
  }
  std::vector<bool> finished(claims.size(), false);
  const auto end = [&](std::size_t i, const Outcome& outcome) {
    const std::lock_guard lock(mutex_);
    finish(claims[i], outcome);
    finished[i] = true;
  };
  try {
    AttemptOptions attempt = attempt_options();
    attempt.corpus_dir = [this, where = attempt.corpus_dir](const Trial& trial) {
      const std::lock_guard lock(mutex_);
      return where(trial);
    };
    const StackTrouble trouble = run_stacked_attempts(runner_, claims, pointers, attempt, end);
    if (trouble == StackTrouble::kNone) return;
    const std::size_t half = trouble == StackTrouble::kMemory ? claims.size() / 2 : 1;
    smaller_[runner_.stack_key(claims.front().trial)] = half;
  } catch (const Error& error) {
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!finished[i]) give_back(claims[i], error.what());
    }
    throw;
  }
}

WorkerReport Worker::run() {
  try {
    while (report_.failed == 0) {
      const std::vector<Claim> claims = wait_for_claims();
      if (claims.empty()) break;
      claims.size() == 1 ? run_claim(claims.front()) : run_stack(claims);
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
