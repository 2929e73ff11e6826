// Waits for a store that another process keeps locked.
#ifndef ISOFLOP_SWEEP_PATIENCE_H_
#define ISOFLOP_SWEEP_PATIENCE_H_

#include <chrono>
#include <thread>

#include "core/error.h"
#include "core/stopwatch.h"

namespace isoflop {

// Calls `work` again while it throws Error "locked" (the store has then waited for 30 s itself),
// for `seconds` in all, or until `give_up()`. Returns what it returns, and passes on any other
// Error.
template <class GiveUp, class Work>
auto patiently(double seconds, const GiveUp& give_up, const Work& work) {
  const Stopwatch watch;
  while (true) {
    try {
      return work();
    } catch (const Error& error) {
      if (error.code() != "locked" || watch.seconds() >= seconds || give_up()) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_PATIENCE_H_
