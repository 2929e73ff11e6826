#include "sweep/driver.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "db/store.h"
#include "sweep/memory_watch.h"
#include "sweep/patience.h"
#include "sweep/worker.h"
#include "sweep/worker_process.h"

namespace isoflop {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 10ms;
constexpr double kReleaseSeconds = 2;  // how often other drivers' dead workers are looked for
constexpr double kStorePatience = 600;
constexpr double kTellSeconds = 5;        // after a stop, that workers are waited for
constexpr double kFruitlessSeconds = 10;  // a worker that lived longer has tried
constexpr int kLogLines = 8;
constexpr int kFailuresShown = 3;

struct Slot {
  pid_t pid = 0;  // 0: no worker
  int core = -1;
  std::string log = {};
  std::uintmax_t log_from = 0;  // where the worker's part of it begins
  Stopwatch age = {};
};

// "worker-3": its log's name.
std::string slot_name(const Slot& slot) { return std::filesystem::path(slot.log).stem().string(); }

class Driver {
 public:
  explicit Driver(const SweepOptions& options);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  SweepSummary run();

 private:
  SweepStatus status();
  template <class Work>
  void write(const Work& work);
  int live() const;
  std::string log_end(const Slot& slot) const;

  void start_missing();
  void start(Slot& slot);
  void watch();
  void reap();
  void ended(Slot& slot, pid_t pid, int wait_status);
  void died(Slot& slot, pid_t pid, int signal);
  void record(Slot& slot, pid_t pid, const Outcome& outcome);
  void exited(Slot& slot, int code);
  void setback(const Slot& slot, const std::string& what);
  void check_fruitful(const Slot& slot);
  [[noreturn]] void worker_failed(const Slot& slot, const std::string& what) const;

  std::string disk_of(const Slot& slot) const;
  void obey_stop();
  void stop(int stops);
  void stop_for_disk(const std::string& what);
  void keep_to_grace();
  void signal_all(int signal);
  void release(int max_kills);
  void release_others();
  void report(bool now);

  const SweepOptions& options_;
  Store store_;
  OomWatch oom_;
  std::vector<Slot> slots_;
  SweepStatus before_;
  Stopwatch start_;
  Stopwatch reported_;
  Stopwatch released_;
  Stopwatch stopping_;  // since the first stop
  int stops_ = 0;       // already obeyed
  bool told_waiting_ = false;
  bool out_of_time_ = false;
  std::string disk_full_;
  int restarts_ = 0;
  int vacancies_ = 0;     // workers that died or had a setback, and are not yet replaced
  int setbacks_ = 0;      // of trials, shown or not
  int fruitless_ = 0;     // workers that ended at once since a trial last did
  bool setback_ = false;  // of the worker that is being buried
  std::int64_t finished_ = 0;
};

Driver::Driver(const SweepOptions& options)
    : options_(options),
      store_(patiently(
          kStorePatience, [&] { return options.stop_count() > 0; },
          [&] { return Store(options.db); })),
      oom_(options.oom_kills ? options.oom_kills : kernel_oom_kills) {
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

// Only an exception leaves workers behind; they get their time to save and to plan their trials
// again.
Driver::~Driver() {
  signal_all(SIGTERM);
  const Stopwatch waited;
  const int stops = options_.stop_count();
  while (live() > 0) {
    if (waited.seconds() > options_.grace_seconds || options_.stop_count() > stops) {
      signal_all(SIGKILL);
    }
    for (Slot& slot : slots_) {
      if (slot.pid != 0 && ::waitpid(slot.pid, nullptr, WNOHANG) != 0) slot.pid = 0;
    }
    std::this_thread::sleep_for(kTick);
  }
}

// --- The store, which may be locked for long, or lie on a disk that is full.

SweepStatus Driver::status() {
  return patiently(
      kStorePatience, [&] { return options_.stop_count() > 1; },
      [&] { return store_.status(options_.study); });
}

template <class Work>
void Driver::write(const Work& work) {
  try {
    patiently(
        kStorePatience, [&] { return options_.stop_count() > 1; }, work);
  } catch (const Error& error) {
    if (error.code() != kDiskFull) throw;
    stop_for_disk(error.what());
  }
}

void Driver::release(int max_kills) {
  write([&] { store_.release_dead(options_.study, max_kills); });
}

void Driver::release_others() {
  if (stops_ > 0 || released_.seconds() < kReleaseSeconds) return;
  released_.restart();
  oom_.tick();
  try {
    if (store_.release_dead(options_.study, options_.policy.kills).planned > 0) start_missing();
  } catch (const Error& error) {
    if (error.code() == kDiskFull) stop_for_disk(error.what());
    if (error.code() != kDiskFull && error.code() != "locked") throw;  // locked: the next time
  }
}

// --- Starting workers.

int Driver::live() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.pid != 0; }));
}

void Driver::start(Slot& slot) {
  slot.log_from = file_bytes(slot.log);
  slot.age.restart();
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

// --- Burying workers.

void Driver::reap() {
  for (Slot& slot : slots_) {
    int wait_status = 0;
    const pid_t pid = slot.pid;
    if (pid != 0 && ::waitpid(pid, &wait_status, WNOHANG) == pid) {
      slot.pid = 0;
      ended(slot, pid, wait_status);
    }
  }
}

void Driver::ended(Slot& slot, pid_t pid, int wait_status) {
  setback_ = false;
  if (WIFSIGNALED(wait_status)) {
    died(slot, pid, WTERMSIG(wait_status));
  } else {
    exited(slot, WEXITSTATUS(wait_status));
  }
  if (stops_ > 0) return;
  check_fruitful(slot);
  start_missing();
}

void Driver::died(Slot& slot, pid_t pid, int signal) {
  if (stops_ > 0) return;  // `run` releases its trial
  ++vacancies_;
  if (is_crash(signal)) {
    const std::string what = "crashed: " + signal_text(signal);
    return record(slot, pid,
                  {.status = OutcomeStatus::kFailed, .reason = what, .notes = {log_end(slot)}});
  }
  if (signal == SIGKILL && oom_.claim_kill()) {
    return record(slot, pid,
                  {.status = OutcomeStatus::kOutOfMemory,
                   .reason = "killed by the kernel when memory ran out"});
  }
  // Who hears a signal that asks, and dies of it, had not begun.
  const bool asked = signal == SIGTERM || signal == SIGINT || signal == SIGHUP;
  release(asked ? 0 : options_.policy.kills);
}

// How a worker died is the outcome of its trial. Where it had none, or another driver was quicker
// to bury it, that is all.
void Driver::record(Slot& slot, pid_t pid, const Outcome& outcome) {
  bool had_one = false;
  write([&] { had_one = store_.finish_dead(options_.study, pid, outcome, options_.policy); });
  if (had_one) setback(slot, outcome.reason);
}

void Driver::exited(Slot& slot, int code) {
  if (code == kWorkerDiskFull) return stop_for_disk(disk_of(slot));
  if (stops_ > 0 || code == 0 || code == kWorkerStopped) return;
  if (code != kWorkerSetback) worker_failed(slot, "ended with status " + std::to_string(code));
  ++vacancies_;
  setback(slot, "its trial failed or ran out of memory");
}

// The first ones are shown at once; the store has all of them.
void Driver::setback(const Slot& slot, const std::string& what) {
  setback_ = true;
  if (++setbacks_ > kFailuresShown) {
    if (setbacks_ == kFailuresShown + 1) {
      options_.note(
          "more trials failed; isoflop sweep export lists all of them with their reasons");
    }
    return;
  }
  options_.note(slot_name(slot) + ": " + what + "; its log, " + slot.log + ", ends with:\n" +
                log_end(slot) + "The sweep goes on");
}

// A worker that ends at once, whatever the reason, must not be started for ever. What a trial's
// setback costs is bounded by the policy.
void Driver::check_fruitful(const Slot& slot) {
  const SweepStatus now = status();
  const bool fruitful = now.ended() > finished_ || now.planned == 0;
  finished_ = now.ended();
  if (fruitful) fruitless_ = 0;
  if (fruitful || setback_ || slot.age.seconds() >= kFruitlessSeconds) return;
  if (++fruitless_ < 20 + 5 * static_cast<int>(slots_.size())) return;
  worker_failed(slot, "and those before it ended without finishing any trial");
}

std::string Driver::log_end(const Slot& slot) const {
  return last_lines(slot.log, kLogLines, slot.log_from);
}

void Driver::worker_failed(const Slot& slot, const std::string& what) const {
  throw failure("worker: " + what + "; its log, " + slot.log + ", ends with:\n" + log_end(slot) +
                "Nothing that was done is lost: mend that and run the same command again");
}

// What the worker said of it, if its log could still be written.
std::string Driver::disk_of(const Slot& slot) const {
  const std::string end = log_end(slot);
  const auto start = end.rfind("disk full: ");
  if (start != std::string::npos) return end.substr(start, end.find('\n', start) - start);
  return disk_full_error(options_.db, "a worker could not write").what();
}

// --- Stopping.

void Driver::obey_stop() {
  int stops = options_.stop_count();
  const bool late = options_.max_seconds > 0 && start_.seconds() >= options_.max_seconds;
  if (late && stops == 0) {
    out_of_time_ = true;
    stops = 1;
  }
  stop(stops);
  if (stops_ > 0) keep_to_grace();
}

void Driver::stop(int stops) {
  if (stops >= 1 && stops_ < 1) {
    signal_all(SIGTERM);
    stopping_.restart();
  }
  if (stops >= 2 && stops_ < 2) signal_all(SIGKILL);
  stops_ = std::max(stops_, stops);
}

// The others stop as if the user had asked; what they cannot save is in their last checkpoint.
void Driver::stop_for_disk(const std::string& what) {
  if (disk_full_.empty()) {
    disk_full_ = what;
    options_.note(what);
  }
  stop(1);
}

void Driver::keep_to_grace() {
  const double waited = stopping_.seconds();
  if (!told_waiting_ && waited > std::min(kTellSeconds, options_.grace_seconds)) {
    told_waiting_ = true;
    options_.note("waiting for " + std::to_string(live()) +
                  " workers to finish their step and save; Ctrl-C again ends them now, and their "
                  "trials go on from their last checkpoints");
  }
  if (stops_ >= 2 || waited < options_.grace_seconds) return;
  for (const Slot& slot : slots_) {
    if (slot.pid == 0) continue;
    options_.note(slot_name(slot) + ": did not stop within " +
                  format_duration(options_.grace_seconds) +
                  " and was killed; its trial goes on from its last checkpoint");
  }
  stop(2);
}

void Driver::signal_all(int signal) {
  for (const Slot& slot : slots_) {
    if (slot.pid != 0) ::kill(slot.pid, signal);
  }
}

// --- The loop.

void Driver::report(bool now) {
  if (!now && reported_.seconds() < options_.progress_seconds) return;
  reported_.restart();
  if (options_.progress) {
    const SweepStatus current = status();
    options_.progress(current, eta_seconds(before_, current, start_.seconds()));
  }
  if (live() > 0) start_missing();  // `progress` may have planned more
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
  release(0);
  before_ = status();
  finished_ = before_.ended();
  obey_stop();
  do {
    start_missing();
    watch();
    // Somebody else's worker may have died since; those that were stopped the hard way are not
    // their trials' fault.
    release(stops_ > 0 ? 0 : options_.policy.kills);
    report(true);
  } while (stops_ == 0 && status().planned > 0);
  return {.status = status(),
          .interrupted = stops_ > 0,
          .out_of_time = out_of_time_,
          .seconds = start_.seconds(),
          .workers = static_cast<int>(slots_.size()),
          .restarts = restarts_,
          .disk_full = disk_full_};
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
