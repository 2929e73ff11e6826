// One worker as a process: how it is started, what its log says at the end, and what it died of.
#ifndef ISOFLOP_SWEEP_WORKER_PROCESS_H_
#define ISOFLOP_SWEEP_WORKER_PROCESS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "core/stopwatch.h"

namespace isoflop {

struct WorkerLaunch {
  std::vector<std::string> command = {};
  std::string log = {};  // stdout and stderr are appended to it
  int core = -1;         // to be pinned to; below 0: not pinned
};

// Forks and execs. The child is single-threaded by its environment, has no stdin, and is killed
// when the calling thread ends. A command that cannot be started ends with status 127, and its log
// says why. Throws Error(kFailed) when there is no process to be had, or no log.
pid_t start_worker(const WorkerLaunch& launch);

// The last `lines` lines of what was written to a file after its first `from` bytes (of its last 64
// KiB); empty when it cannot be read.
std::string last_lines(const std::string& path, int lines, std::uintmax_t from = 0);

// 0 when there is no such file.
std::uintmax_t file_bytes(const std::string& path);

// "signal 11 (Segmentation fault)".
std::string signal_text(int signal);

// Whether a process that this signal ended had a bug: SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL,
// SIGTRAP, SIGSYS.
bool is_crash(int signal);

// How many processes the kernel has killed because memory ran out: in this process' cgroup where
// that can be read, on the whole machine otherwise; 0 where neither can.
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

#endif  // ISOFLOP_SWEEP_WORKER_PROCESS_H_
