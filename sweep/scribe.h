// Writes what a runner says to the log, from a thread of its own, until `end` or its own end. See
// attempt.h for when; of that file's threads it is the attempt's.
#ifndef ISOFLOP_SWEEP_SCRIBE_H_
#define ISOFLOP_SWEEP_SCRIBE_H_

#include <condition_variable>
#include <limits>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "core/stopwatch.h"
#include "core/trial_runner.h"
#include "db/rows.h"
#include "sweep/attempt.h"

namespace isoflop {

class Scribe {
 public:
  Scribe(const Claim& claim, AttemptLog& log, const AttemptOptions& options);
  ~Scribe() { join(); }
  Scribe(const Scribe&) = delete;
  Scribe& operator=(const Scribe&) = delete;

  // --- On the runner's thread.

  void add(std::span<const CurvePoint> points);
  bool should_stop(double tokens_done);

  // Writes the rest, from the caller's thread.
  void end();

 private:
  struct Told {
    bool beat = false;
    bool disk_full = false;
  };
  void join();
  void work();
  double seconds_to_wait() const;
  Told tell(double tokens, bool beat);

  static constexpr double kNever = std::numeric_limits<double>::infinity();

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

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_SCRIBE_H_
