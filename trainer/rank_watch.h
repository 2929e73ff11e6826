// Who of the processes of a trial is still there.
//
// A thread of its own adds 1 to the process' counter in the store every second. Rank 0 reads all
// counters, the others rank 0's; a counter that stands still for kRankSilence, or a store that does
// not answer for as long, means a process that is gone. Whoever finds it writes it down in the
// store, so that all give the same name, also when the first of them have left.
//
// On the same host a process that has died is known at once by its process id and start time.
#ifndef ISOFLOP_TRAINER_RANK_WATCH_H_
#define ISOFLOP_TRAINER_RANK_WATCH_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "trainer/rank_place.h"

namespace isoflop {

inline constexpr std::chrono::seconds kRankSilence{6};

// What a process writes into the store before the others look for it.
std::string rank_key(int rank);
std::string own_presence();

class RankWatch {
 public:
  // `store` is the watch's own connection; `presences` are all processes', by rank. `when_gone` is
  // called once, from the watch's thread.
  RankWatch(c10::intrusive_ptr<c10d::Store> store, const RankPlace& place,
            const std::vector<std::string>& presences, std::function<void()> when_gone);
  // Only while nobody is gone: the thread may wait for ever for a store that is.
  ~RankWatch();

  // "rank 2 of 4 on HOST is gone: it has died", once that is known.
  std::optional<std::string> gone() const;

  // A call has failed: who is gone? Waits until that is known, at most for as long as a silence
  // takes to be noticed; then all are alive.
  std::optional<std::string> find_out();

  // This process goes before its time, and says why.
  void leave(const std::string& why);

  // Before the process ends: until the others know it too, a few seconds at most.
  void wait_for_others() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Presence {
    std::string host, scope, pid, start;
  };
  struct Beat {
    std::int64_t count = -1;
    Clock::time_point changed = Clock::now();
  };

  void run();
  void round();
  void look_at(int rank);
  void look_for_the_dead();
  void declare(int rank, const std::string& why);
  void tell();
  bool has_died(int rank) const;
  bool store_is_silent() const;
  std::string verdict() const;

  const c10::intrusive_ptr<c10d::Store> store_;  // the thread's alone
  const RankPlace place_;
  std::vector<Presence> presences_;
  std::vector<Beat> beats_;
  const std::function<void()> when_gone_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string verdict_;  // "2 it has died": the rank and why
  bool stop_ = false;
  std::atomic<bool> told_{false};  // the verdict is in the store
  std::atomic<std::int64_t> others_know_{0};
  std::atomic<Clock::rep> last_round_{Clock::now().time_since_epoch().count()};
  std::thread thread_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_RANK_WATCH_H_
