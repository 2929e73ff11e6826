#include "sweep/scribe.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/schedule.h"
#include "sweep/patience.h"

namespace isoflop {
namespace {

constexpr double kRetrySeconds = 1;    // after the log failed
constexpr double kLongestWait = 3600;  // a condition variable takes no infinity

}  // namespace

Scribe::Scribe(const Claim& claim, AttemptLog& log, const AttemptOptions& options)
    : log_(log), options_(options) {
  if (!trunk_identity(claim.trial).empty()) branch_ = branch_tokens(claim.trial);
  thread_ = std::thread([this] { work(); });
}

void Scribe::add(std::span<const CurvePoint> points) {
  const std::lock_guard lock(mutex_);
  if (points_.empty()) since_first_.restart();
  points_.insert(points_.end(), points.begin(), points.end());
  wake_.notify_one();
}

bool Scribe::should_stop(double tokens_done) {
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

void Scribe::end() {
  join();
  if (gone_) return;
  unwritten_.insert(unwritten_.end(), points_.begin(), points_.end());
  points_.clear();
  patiently(
      options_.patience_seconds, [] { return false; }, [&] { log_.append_curve(unwritten_); });
  unwritten_.clear();
}

void Scribe::join() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Scribe::work() {
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

double Scribe::seconds_to_wait() const {
  if (gone_) return kNever;
  double wait = options_.heartbeat_seconds - since_beat_.seconds();
  if (!points_.empty()) {
    wait = std::min(wait, options_.flush_seconds - since_first_.seconds());
    if (points_.size() >= options_.flush_points) wait = 0;
  }
  if (urgent_ || !unwritten_.empty()) wait = 0;
  return failing_ ? std::max(wait, kRetrySeconds - since_failure_.seconds()) : wait;
}

// The thread's own part, without the lock: the log may take its time.
Scribe::Told Scribe::tell(double tokens, bool beat) {
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

}  // namespace isoflop
