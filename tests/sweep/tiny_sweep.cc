// tiny_sweep driver DB WORKERS STEP_US [MANNER]     runs the study "s" with workers of itself
// tiny_sweep worker DB STEP_US [MANNER]
//
// MANNER: well; stubborn (does not hear should_stop); deadly (kills itself on the dearest trial);
// broken (says so and ends with status 3); lazy (ends without a claim); trunks (shares them).
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <signal.h>
#include <string>
#include <unistd.h>

#include "sweep/driver.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"
#include "tests/sweep/fake_runner.h"

namespace isoflop {
namespace {

class MannerRunner : public FakeRunner {
 public:
  MannerRunner(std::chrono::microseconds step_time, std::string manner)
      : FakeRunner(step_time), manner_(std::move(manner)) {}

  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    if (manner_ == "deadly" && params_of(pack[0]) >= 1e6) ::kill(::getpid(), SIGKILL);
    if (manner_ == "stubborn") context.should_stop = [](double) { return false; };
    return FakeRunner::run(pack, context);
  }

 private:
  std::string manner_;
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
  MannerRunner any_runner(std::chrono::microseconds(step_us), manner);
  TrunkRunner trunk_runner{std::chrono::microseconds(step_us)};
  TrialRunner& runner = manner == "trunks" ? static_cast<TrialRunner&>(trunk_runner) : any_runner;
  WorkerOptions options{.stop = [&] { return stop.requested(); },
                        .checkpoint_dir = db + ".checkpoints"};
  return run_worker(store, "s", runner, options).interrupted ? 130 : 0;
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
  if (manner == "trunks") options.max_kills = 1000;  // few trials, killed often
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
