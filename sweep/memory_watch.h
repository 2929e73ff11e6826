// What the kernel says of memory: how much this process may still take, and whom it has killed.
//
// Both are asked of the process' own cgroups (version 1 or 2) where they can be read, so that they
// hold in containers and batch jobs, and of the whole machine otherwise.
#ifndef ISOFLOP_SWEEP_MEMORY_WATCH_H_
#define ISOFLOP_SWEEP_MEMORY_WATCH_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "core/stopwatch.h"

namespace isoflop {

// Bytes: the least of MemAvailable and of what each cgroup above this process has left, page cache
// that can be dropped not counted. 0: unknown.
double available_memory();

// How many processes the kernel has killed because memory ran out, since the boot or the cgroup's
// birth; 0 where nobody says.
std::int64_t kernel_oom_kills();

// Tells deaths by the kernel's hand from others: the count is compared with what it was 10 to 20
// seconds ago, because a large process takes its time to die.
class OomWatch {
 public:
  explicit OomWatch(std::function<std::int64_t()> kills) : kills_(std::move(kills)) {}
  void tick();        // now and then
  bool claim_kill();  // whether one more kill was counted than has been claimed

 private:
  std::function<std::int64_t()> kills_;
  std::int64_t older_ = kills_();
  std::int64_t newer_ = older_;
  Stopwatch since_;
};

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_MEMORY_WATCH_H_
