#include "sweep/attempt.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/schedule.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "sweep/patience.h"

namespace isoflop {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kRetrySeconds = 1;    // after the log failed
constexpr double kLongestWait = 3600;  // a condition variable takes no infinity

// Writes what the runner says to the log, from a thread of its own, until `end` or its own end.
class Scribe {
 public:
  Scribe(const Claim& claim, AttemptLog& log, const AttemptOptions& options)
      : log_(log), options_(options) {
    if (!trunk_identity(claim.trial).empty()) branch_ = branch_tokens(claim.trial);
    thread_ = std::thread([this] { work(); });
  }
  ~Scribe() { join(); }
  Scribe(const Scribe&) = delete;
  Scribe& operator=(const Scribe&) = delete;

  // --- On the runner's thread.

  void add(std::span<const CurvePoint> points) {
    const std::lock_guard lock(mutex_);
    if (points_.empty()) since_first_.restart();
    points_.insert(points_.end(), points.begin(), points.end());
    wake_.notify_one();
  }

  bool should_stop(double tokens_done) {
    const std::lock_guard lock(mutex_);
    tokens_ = tokens_done;
    // At the branch itself the trunk's state may still be on its way to the disk.
    if (tokens_done > branch_) {
      branch_ = kNever;
      urgent_ = true;
      wake_.notify_one();
    }
    return stop_;
  }

  // Writes the rest, from the caller's thread.
  void end() {
    join();
    if (gone_) return;
    unwritten_.insert(unwritten_.end(), points_.begin(), points_.end());
    points_.clear();
    patiently(
        options_.patience_seconds, [] { return false; }, [&] { log_.append_curve(unwritten_); });
    unwritten_.clear();
  }

 private:
  void join() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!ended_) {
      const double wait = seconds_to_wait();
      if (wait > 0) {
        wake_.wait_for(lock, std::chrono::duration<double>(std::min(wait, kLongestWait)));
        continue;
      }
      unwritten_.insert(unwritten_.end(), points_.begin(), points_.end());
      points_.clear();
      const bool beat = urgent_ || since_beat_.seconds() >= options_.heartbeat_seconds;
      urgent_ = false;
      const double tokens = tokens_;
      lock.unlock();
      const Told told = tell(tokens, beat);
      lock.lock();
      urgent_ = urgent_ || (beat && !told.beat);
      stop_ = stop_ || gone_ || told.disk_full;
    }
  }

  double seconds_to_wait() const {
    if (gone_) return kNever;
    double wait = options_.heartbeat_seconds - since_beat_.seconds();
    if (!points_.empty()) {
      wait = std::min(wait, options_.flush_seconds - since_first_.seconds());
      if (points_.size() >= options_.flush_points) wait = 0;
    }
    if (urgent_ || !unwritten_.empty()) wait = 0;
    return failing_ ? std::max(wait, kRetrySeconds - since_failure_.seconds()) : wait;
  }

  struct Told {
    bool beat = false;
    bool disk_full = false;
  };

  // The thread's own part, without the lock: the log may take its time.
  Told tell(double tokens, bool beat) {
    Told told;
    try {
      if (beat) {
        since_beat_.restart();
        gone_ = !log_.heartbeat(tokens);
        told.beat = true;
      }
      if (!gone_ && !unwritten_.empty()) log_.append_curve(unwritten_);
      unwritten_.clear();
      failing_ = false;
    } catch (const std::exception& error) {
      const auto* known = dynamic_cast<const Error*>(&error);
      told.disk_full = known != nullptr && known->code() == kDiskFull;
      if (!std::exchange(failing_, true))
        options_.note(std::string("not written yet: ") + error.what());
      since_failure_.restart();
    }
    return told;
  }

  AttemptLog& log_;
  const AttemptOptions& options_;

  std::mutex mutex_;  // guards what follows, up to the thread's own
  std::condition_variable wake_;
  std::vector<CurvePoint> points_;
  Stopwatch since_first_;  // of points_
  double tokens_ = 0;
  double branch_ = kNever;  // tokens beyond which others may go on from this trial's trunk
  bool urgent_ = false;     // a heartbeat is due now
  bool stop_ = false;
  bool ended_ = false;

  // The thread's own, and the caller's after it.
  std::vector<CurvePoint> unwritten_;
  Stopwatch since_beat_;
  Stopwatch since_failure_;
  bool failing_ = false;
  bool gone_ = false;  // the claim is no longer current

  std::thread thread_;
};

bool reads_text(const Trial& trial) {
  return trial.data.source == "text" && trial.trainer != "tabular";
}

std::string sequences_at_a_time(const Claim& claim) {
  const std::int64_t batch = claim.trial.train.batch;
  const std::int64_t count = claim.micro_batch > 0 ? std::min(claim.micro_batch, batch) : batch;
  return ", with " + std::to_string(count) + " of its batch of " + std::to_string(batch) +
         " sequences at a time";
}

// A reason is one line; what else there is goes to the notes.
Outcome failed_with(const std::string& what) {
  Outcome outcome{.status = OutcomeStatus::kFailed, .reason = what.substr(0, what.find('\n'))};
  if (outcome.reason.size() < what.size()) outcome.notes.push_back(what);
  return outcome;
}

Outcome run_trial(TrialRunner& runner, const Claim& claim, RunContext& context) {
  try {
    std::vector<Outcome> outcomes = runner.run({&claim.trial, 1}, context);
    if (!outcomes.empty()) return std::move(outcomes.front());
    return failed_with("the trainer gave no outcome");
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    return {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory"};
  } catch (const std::system_error& error) {
    if (means_disk_full(error.code().value()))
      throw disk_full_error(context.checkpoint_dir, error.what());
    return failed_with(error.what());
  } catch (const std::exception& error) {
    return failed_with(error.what());
  } catch (...) {
    return failed_with("the trainer threw something that is not a std::exception");
  }
}

std::string claim_name(const Claim& claim) { return "trial " + claim.identity.substr(0, 12); }

// What the store has in more columns; a log is read where the process has died.
void tell_begin(const Claim& claim, const AttemptOptions& options) {
  options.note(claim_name(claim) + ": N " + format_quantity(params_of(claim.trial)) + ", D " +
               format_quantity(claim.trial.train.tokens));
}

void tell_end(const Claim& claim, const Outcome& outcome, const AttemptOptions& options) {
  for (const std::string& line : outcome.notes) options.note(line);
  const char* verdict = outcome.status == OutcomeStatus::kDiverged      ? "diverged"
                        : outcome.status == OutcomeStatus::kOutOfMemory ? "does not fit"
                        : outcome.status == OutcomeStatus::kFailed      ? "failed"
                                                                        : nullptr;
  if (verdict == nullptr) return;
  options.note(claim_name(claim) + ": " + verdict + ": " + outcome.reason);
}

}  // namespace

Outcome run_attempt(TrialRunner& runner, const Claim& claim, AttemptLog& log,
                    const AttemptOptions& options) {
  RunContext context{.corpus_dir = reads_text(claim.trial) ? options.corpus_dir(claim.trial) : "",
                     .device = options.device,
                     .checkpoint_dir = options.checkpoint_dir,
                     .checkpoint_seconds = options.checkpoint_seconds,
                     .micro_batch = claim.micro_batch,
                     .peak_flops = options.peak_flops};
  tell_begin(claim, options);
  Scribe scribe(claim, log, options);
  context.record_curve = [&](std::span<const CurvePoint> points) { scribe.add(points); };
  context.should_stop = [&](double tokens) { return scribe.should_stop(tokens) || options.stop(); };
  Outcome outcome = run_trial(runner, claim, context);
  if (outcome.status == OutcomeStatus::kOutOfMemory) outcome.reason += sequences_at_a_time(claim);
  tell_end(claim, outcome, options);
  scribe.end();
  return outcome;
}

}  // namespace isoflop
