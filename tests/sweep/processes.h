// Processes that tests start, look for and kill.
#ifndef ISOFLOP_TESTS_SWEEP_PROCESSES_H_
#define ISOFLOP_TESTS_SWEEP_PROCESSES_H_

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <vector>

#include "sweep/worker_process.h"

namespace isoflop {

#ifdef TINY_SWEEP
// A driver of its own in another process; see tiny_sweep.cc.
inline pid_t start_tiny_driver(const std::string& db, int workers, int step_us,
                               const std::string& manner) {
  return start_worker({.command = {TINY_SWEEP, "driver", db, std::to_string(workers),
                                   std::to_string(step_us), manner},
                       .log = db + ".driver.log"});
}
#endif

inline int exit_code(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline bool has_ended(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; }

struct ProcessState {
  std::string state = "gone";
  pid_t parent = 0;
};

inline ProcessState state_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  std::getline(file, line);
  ProcessState found;
  if (line.rfind(')') == std::string::npos) return found;
  std::istringstream(line.substr(line.rfind(')') + 1)) >> found.state >> found.parent;
  return found;
}

inline bool runs(pid_t pid) {
  const std::string state = state_of(std::to_string(pid)).state;
  return state != "gone" && state != "Z" && state != "X";
}

inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (state_of(name).parent == parent && runs(std::stoi(name))) {
      children.push_back(std::stoi(name));
    }
  }
  return children;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_SWEEP_PROCESSES_H_
