// Seconds of a steady clock since the watch was made or restarted.
#ifndef ISOFLOP_CORE_STOPWATCH_H_
#define ISOFLOP_CORE_STOPWATCH_H_

#include <chrono>

namespace isoflop {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_STOPWATCH_H_
