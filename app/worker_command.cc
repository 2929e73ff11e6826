// isoflop sweep worker: what the driver execs
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "sweep/patience.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"

namespace isoflop {
namespace {

struct WorkerFlags : StoreFlags {
  std::string device = "cpu";
  std::string checkpoint_dir;
  double checkpoint_seconds = 300;
  double peak_flops = 0;
  int bugs = RetryPolicy{}.bugs;
};

// One process, one core, trial after trial.
void work(const WorkerFlags& flags) {
  const StopSignal stop;
  const auto stopped = [&] { return stop.requested(); };
  const AttemptOptions attempt{.device = flags.device,
                               .stop = stopped,
                               .note = say,
                               .checkpoint_dir = flags.checkpoint_dir,
                               .checkpoint_seconds = flags.checkpoint_seconds,
                               .peak_flops = flags.peak_flops};
  Store store = patiently(attempt.patience_seconds, stopped, [&] { return Store(flags.db); });
  const auto runner = make_runner();
  const WorkerReport report =
      run_worker(store, flags.study, *runner, {.attempt = attempt, .policy = {.bugs = flags.bugs}});
  if (exit_status(report) != 0) throw ExitCode{exit_status(report)};
}

}  // namespace

void add_sweep_worker(CLI::App* sweep) {
  auto flags = std::make_shared<WorkerFlags>();
  CLI::App* command = sweep->add_subcommand("worker", "");
  command->group("");  // not in the help
  add_store_flags(command, *flags);
  command->add_option("--device", flags->device, "");
  command->add_option("--checkpoints", flags->checkpoint_dir, "");
  command->add_option("--bugs", flags->bugs, "");
  command->add_option("--peak-flops", flags->peak_flops, "");
  command->add_option("--checkpoint-seconds", flags->checkpoint_seconds, "");
  command->callback([flags] { work(*flags); });
}

}  // namespace isoflop
