// One worker as a process: how it is started, what its log says at the end, and what it died of.
#ifndef ISOFLOP_SWEEP_WORKER_PROCESS_H_
#define ISOFLOP_SWEEP_WORKER_PROCESS_H_

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

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

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_WORKER_PROCESS_H_
