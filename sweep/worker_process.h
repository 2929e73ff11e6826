// One worker as a process: how it is started, and what its log says at the end.
#ifndef ISOFLOP_SWEEP_WORKER_PROCESS_H_
#define ISOFLOP_SWEEP_WORKER_PROCESS_H_

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

// The last `lines` lines of a file; empty when it cannot be read.
std::string last_lines(const std::string& path, int lines);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_WORKER_PROCESS_H_
