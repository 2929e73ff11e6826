// isoflop sweep worker: what the driver execs
#include <CLI/CLI.hpp>
#include <memory>

#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"

namespace isoflop {
namespace {

struct WorkerFlags : StoreFlags {
  std::string device = "cpu";
  std::string checkpoint_dir;
  double checkpoint_seconds = 300;
  double peak_flops = 0;
};

// One process, one core, trial after trial.
void work(const WorkerFlags& flags) {
  const StopSignal stop;
  Store store(flags.db);
  const auto runner = make_runner();
  run_worker(store, flags.study, *runner,
             {.device = flags.device,
              .stop = [&] { return stop.requested(); },
              .note = say,
              .checkpoint_dir = flags.checkpoint_dir,
              .checkpoint_seconds = flags.checkpoint_seconds,
              .peak_flops = flags.peak_flops});
}

}  // namespace

void add_sweep_worker(CLI::App* sweep) {
  auto flags = std::make_shared<WorkerFlags>();
  CLI::App* command = sweep->add_subcommand("worker", "");
  command->group("");  // not in the help
  add_store_flags(command, *flags);
  command->add_option("--device", flags->device, "");
  command->add_option("--checkpoints", flags->checkpoint_dir, "");
  command->add_option("--peak-flops", flags->peak_flops, "");
  command->add_option("--checkpoint-seconds", flags->checkpoint_seconds, "");
  command->callback([flags] { work(*flags); });
}

}  // namespace isoflop
