// A driver that is killed and started again by the same command until it says that all is done.
#ifndef ISOFLOP_TESTS_FAULTS_RESTARTED_DRIVER_H_
#define ISOFLOP_TESTS_FAULTS_RESTARTED_DRIVER_H_

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "sweep/worker_process.h"
#include "tests/sweep/processes.h"

namespace isoflop {

// That it ended by itself, and not because all was done.
struct GaveUp {
  std::string driver = {};
  std::string phase = {};
  int status = 0;  // exit code, or minus a signal
  std::string said = {};
};

class RestartedDriver {
 public:
  RestartedDriver(std::string name, std::vector<std::string> command, std::string log)
      : name_(std::move(name)), command_(std::move(command)), log_(std::move(log)) {}
  ~RestartedDriver() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  RestartedDriver(RestartedDriver&&) = delete;

  void start() {
    pid_ = start_worker({.command = command_, .log = log_});
    ++starts_;
    saw_full_disk_ = false;
  }
  // It may take its time to stop because of that.
  void see_full_disk() { saw_full_disk_ = true; }
  bool saw_full_disk() const { return saw_full_disk_; }
  bool is_up() const { return pid_ != 0; }
  bool is_done() const { return done_; }
  int starts() const { return starts_; }
  const std::string& log() const { return log_; }
  std::vector<pid_t> workers() const {
    return pid_ == 0 ? std::vector<pid_t>() : children_of(pid_);
  }

  // Its workers die with it.
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  // What it ended with, if it has ended by itself and something is left.
  std::optional<GaveUp> look(const std::string& phase) {
    int status = 0;
    if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = 0;
    done_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (done_) return std::nullopt;
    return GaveUp{.driver = name_,
                  .phase = phase,
                  .status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                  .said = last_lines(log_, 12)};
  }

 private:
  std::string name_;
  std::vector<std::string> command_;
  std::string log_;
  pid_t pid_ = 0;
  bool done_ = false;
  bool saw_full_disk_ = false;
  int starts_ = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FAULTS_RESTARTED_DRIVER_H_
