// tiny_sweep driver DB WORKERS STEP_US [MANNER]     runs the study "s" with workers of itself
// tiny_sweep worker DB STEP_US [MANNER]
//
// MANNER: well; stubborn (does not hear should_stop); broken (says so and ends with status 3); lazy
// (ends without a claim); trunks (shares them); stacked (trains seeds together, four at most);
// writing (leaves 64 kB a step in the checkpoints' folder). On the dearest trial: deadly (kills
// itself); crashing (aborts); buggy (throws); once (throws the first time); hungry (finds no memory
// for more than 2 sequences); greedy (is killed for more than 1, and counted in DB.oom as the
// kernel would).
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <new>
#include <sched.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>

#include "sweep/driver.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"
#include "tests/sweep/fake_runner.h"

namespace isoflop {
namespace {

class MannerRunner : public FakeRunner {
 public:
  MannerRunner(std::chrono::microseconds step_time, std::string manner, std::string db)
      : FakeRunner(step_time), manner_(std::move(manner)), db_(std::move(db)) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    if (params_of(pack[0]) >= 1e6) run_dearest(context);
    if (manner_ == "stubborn") context.should_stop = [](double) { return false; };
    if (manner_ == "writing") write_checkpoints(pack[0], context);
    return FakeRunner::run(pack, context);
  }

 private:
  void run_dearest(const RunContext& context) const {
    const std::int64_t sequences = context.micro_batch == 0 ? 4 : context.micro_batch;
    if (manner_ == "deadly") ::kill(::getpid(), SIGKILL);
    if (manner_ == "crashing") {
      std::fprintf(stderr, "heap corrupted\n");
      std::abort();
    }
    if (manner_ == "buggy") throw std::runtime_error("index 7 is out of range\nbacktrace: 0x0");
    if (manner_ == "once" && !was_tried()) throw std::runtime_error("a hiccup");
    if (manner_ == "hungry" && sequences > 2) throw std::bad_alloc();
    if (manner_ == "greedy" && sequences > 1) {
      std::ofstream(db_ + ".oom", std::ios::app) << "oom_kill\n" << std::flush;
      ::kill(::getpid(), SIGKILL);
    }
  }

  static void write_checkpoints(const Trial& trial, RunContext& context) {
    const std::string file = context.checkpoint_dir + "/" + identity(trial);
    context.should_stop = [file, ask = context.should_stop](double tokens) {
      write_all(file, std::string(64 << 10, 'x'));
      return ask(tokens);
    };
  }

  // What a careless library would throw.
  static void write_all(const std::string& file, const std::string& bytes) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    const int why = errno;
    ::close(fd);
    if (count != static_cast<ssize_t>(bytes.size())) {
      throw std::system_error(count < 0 ? why : ENOSPC, std::generic_category(), file);
    }
  }

  // Whether it was tried before, by any process.
  bool was_tried() const {
    const bool tried = std::filesystem::exists(db_ + ".tried");
    std::ofstream(db_ + ".tried") << "yes";
    return tried;
  }

  std::string manner_;
  std::string db_;
};

int work(const std::string& db, int step_us, const std::string& manner) {
  if (manner == "lazy") return 0;
  if (manner == "broken") {
    std::fprintf(stderr, "no such device\n");
    return 3;
  }
  cpu_set_t mask;
  CPU_ZERO(&mask);
  ::sched_getaffinity(0, sizeof mask, &mask);
  std::printf("cores %d threads %s\n", CPU_COUNT(&mask), std::getenv("OMP_NUM_THREADS"));
  const StopSignal stop;
  Store store(db);
  MannerRunner any_runner(std::chrono::microseconds(step_us), manner, db);
  TrunkRunner trunk_runner{std::chrono::microseconds(step_us)};
  StackingRunner stacking_runner{std::chrono::microseconds(step_us)};
  TrialRunner& runner = manner == "trunks"    ? static_cast<TrialRunner&>(trunk_runner)
                        : manner == "stacked" ? static_cast<TrialRunner&>(stacking_runner)
                                              : any_runner;
  const AttemptOptions attempt{
      .stop = [&] { return stop.requested(); },
      .note = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); },
      .checkpoint_dir = db + ".checkpoints"};
  return exit_status(run_worker(store, "s", runner, {.attempt = attempt, .stack = 4}));
}

int drive(const std::string& db, int workers, const std::string& step_us,
          const std::string& manner) {
  const StopSignal stop;
  SweepOptions options;
  options.db = db;
  options.study = "s";
  options.workers = workers;
  options.worker_command = {"/proc/self/exe", "worker", db, step_us, manner};
  options.stop_count = [&] { return stop.count(); };
  options.note = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  if (manner == "trunks") options.policy.kills = 1000;  // few trials, killed often
  return run_sweep(options).interrupted ? 130 : 0;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.size() >= 3 && args[0] == "worker") {
      return isoflop::work(args[1], std::stoi(args[2]), args.size() > 3 ? args[3] : "well");
    }
    if (args.size() >= 4 && args[0] == "driver") {
      return isoflop::drive(args[1], std::stoi(args[2]), args[3],
                            args.size() > 4 ? args[4] : "well");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tiny_sweep: %s\n", error.what());
    return 1;
  }
  return 2;
}
