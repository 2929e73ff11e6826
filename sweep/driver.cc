#include "sweep/driver.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>

#include "core/error.h"
#include "core/stopwatch.h"
#include "db/store.h"
#include "sweep/worker_process.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTick = 10ms;
constexpr double kReleaseSeconds = 2;  // how often other drivers' dead workers are looked for
constexpr auto kPatience = 5s;         // for workers that are stopped because one failed
constexpr int kLogLines = 8;
constexpr int kInterrupted = 130;  // exit status of a worker that was asked to stop

std::int64_t finished(const SweepStatus& status) {
  return status.done + status.failed + status.diverged;
}

struct Slot {
  pid_t pid = 0;  // 0: no worker
  int core = -1;
  std::string log = {};
};

class Driver {
 public:
  explicit Driver(const SweepOptions& options);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  SweepSummary run();

 private:
  SweepStatus status() const { return store_.status(options_.study); }
  int live() const;
  void start_missing();
  void start(Slot& slot);
  void watch();
  void reap();
  void ended(Slot& slot, int wait_status);
  void check_fruitful(const SweepStatus& now, const Slot& slot);
  [[noreturn]] void worker_failed(const Slot& slot, const std::string& what) const;
  void obey_stop();
  void signal_all(int signal);
  void release_others();
  void report(bool now);

  const SweepOptions& options_;
  Store store_;
  std::vector<Slot> slots_;
  SweepStatus before_;
  Stopwatch start_;
  Stopwatch reported_;
  Stopwatch released_;
  int stops_ = 0;  // already obeyed
  bool out_of_time_ = false;
  int restarts_ = 0;
  int vacancies_ = 0;  // killed workers not yet replaced
  int fruitless_ = 0;  // workers that ended since a trial last did
  std::int64_t finished_ = 0;
};

Driver::Driver(const SweepOptions& options) : options_(options), store_(options.db) {
  const std::string folder = options.log_dir.empty() ? options.db + ".logs" : options.log_dir;
  std::error_code ignored;  // a folder that cannot be made is an error where its log is opened
  std::filesystem::create_directories(folder, ignored);
  const std::vector<int> cores = usable_cores();
  const int count = options.workers > 0 ? options.workers : static_cast<int>(cores.size());
  for (int i = 0; i < count; ++i) {
    slots_.push_back({.core = cores[static_cast<size_t>(i) % cores.size()],
                      .log = folder + "/worker-" + std::to_string(i) + ".log"});
  }
}

// Only an exception leaves workers behind; they get a moment to plan their trials again.
Driver::~Driver() {
  signal_all(SIGTERM);
  const auto deadline = Clock::now() + kPatience;
  while (live() > 0) {
    if (Clock::now() > deadline) signal_all(SIGKILL);
    for (Slot& slot : slots_) {
      if (slot.pid != 0 && ::waitpid(slot.pid, nullptr, WNOHANG) != 0) slot.pid = 0;
    }
    std::this_thread::sleep_for(kTick);
  }
}

int Driver::live() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.pid != 0; }));
}

void Driver::start(Slot& slot) {
  slot.pid = start_worker({.command = options_.worker_command, .log = slot.log, .core = slot.core});
  if (vacancies_ == 0) return;
  --vacancies_;
  ++restarts_;
}

// As many workers as there are slots and trials that nobody runs.
void Driver::start_missing() {
  if (stops_ > 0) return;
  std::int64_t planned = status().planned;
  for (Slot& slot : slots_) {
    if (slot.pid != 0 || planned == 0) continue;
    start(slot);
    --planned;
  }
}

void Driver::reap() {
  for (Slot& slot : slots_) {
    int wait_status = 0;
    if (slot.pid != 0 && ::waitpid(slot.pid, &wait_status, WNOHANG) == slot.pid) {
      slot.pid = 0;
      ended(slot, wait_status);
    }
  }
}

void Driver::ended(Slot& slot, int wait_status) {
  if (stops_ > 0) return;
  if (WIFSIGNALED(wait_status)) {
    ++vacancies_;
    store_.release_dead(options_.study, options_.max_kills);
  } else if (const int code = WEXITSTATUS(wait_status); code != 0 && code != kInterrupted) {
    worker_failed(slot, "ended with status " + std::to_string(code));
  }
  check_fruitful(status(), slot);
  start_missing();
}

// A worker that ends at once, whatever the reason, must not be started for ever.
void Driver::check_fruitful(const SweepStatus& now, const Slot& slot) {
  fruitless_ = finished(now) > finished_ || now.planned == 0 ? 0 : fruitless_ + 1;
  finished_ = finished(now);
  if (fruitless_ < 20 + 5 * static_cast<int>(slots_.size())) return;
  worker_failed(slot, "and those before it ended without finishing any trial");
}

void Driver::worker_failed(const Slot& slot, const std::string& what) const {
  throw failure("worker: " + what + "; its log, " + slot.log + ", ends with:\n" +
                last_lines(slot.log, kLogLines) +
                "Nothing that was done is lost: mend that and run the same command again");
}

void Driver::obey_stop() {
  int stops = options_.stop_count();
  const bool late = options_.max_seconds > 0 && start_.seconds() >= options_.max_seconds;
  if (late && stops == 0) {
    out_of_time_ = true;
    stops = 1;
  }
  if (stops >= 1 && stops_ < 1) signal_all(SIGTERM);
  if (stops >= 2 && stops_ < 2) signal_all(SIGKILL);
  stops_ = std::max(stops_, stops);
}

void Driver::signal_all(int signal) {
  for (const Slot& slot : slots_) {
    if (slot.pid != 0) ::kill(slot.pid, signal);
  }
}

void Driver::release_others() {
  if (stops_ > 0 || released_.seconds() < kReleaseSeconds) return;
  released_.restart();
  if (store_.release_dead(options_.study, options_.max_kills).planned > 0) start_missing();
}

void Driver::report(bool now) {
  if (!options_.progress || (!now && reported_.seconds() < options_.progress_seconds)) return;
  reported_.restart();
  const SweepStatus current = status();
  options_.progress(current, eta_seconds(before_, current, start_.seconds()));
}

void Driver::watch() {
  while (live() > 0) {
    std::this_thread::sleep_for(kTick);
    obey_stop();
    reap();
    release_others();
    report(false);
  }
}

SweepSummary Driver::run() {
  store_.release_dead(options_.study);
  before_ = status();
  finished_ = finished(before_);
  obey_stop();
  do {
    start_missing();
    watch();
    // A last look: somebody else's worker may have died since.
  } while (stops_ == 0 && store_.release_dead(options_.study, options_.max_kills).planned > 0);
  // Workers that were stopped the hard way are not their trials' fault.
  if (stops_ > 0) store_.release_dead(options_.study);
  report(true);
  return {.status = status(),
          .interrupted = stops_ > 0,
          .out_of_time = out_of_time_,
          .seconds = start_.seconds(),
          .workers = static_cast<int>(slots_.size()),
          .restarts = restarts_};
}

}  // namespace

SweepSummary run_sweep(const SweepOptions& options) {
  if (options.worker_command.empty()) throw usage_error("sweep: the worker command is empty");
  return Driver(options).run();
}

std::vector<int> usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &mask)) cores.push_back(core);
    }
  }
  if (cores.empty()) cores.push_back(-1);  // more cores than the mask holds: do not pin
  return cores;
}

std::optional<double> eta_seconds(const SweepStatus& before, const SweepStatus& status,
                                  double elapsed) {
  const double done = status.flops_done - before.flops_done;
  if (!(done > 0) || !(elapsed > 0)) return std::nullopt;
  return elapsed * (status.flops_total - status.flops_done) / done;
}

}  // namespace isoflop
