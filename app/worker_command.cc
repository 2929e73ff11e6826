// isoflop sweep worker: what the driver execs
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "core/units.h"
#include "sweep/energy_meter.h"
#include "sweep/pack.h"
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
  int pack = 1;
  std::size_t stack = 1;
};

// "pack of 3 trials at once; FLOP/s (exact) with 1: 5e11, 2: 9e11, 3: 1.2e12, 4: 1.2e12"
std::string pack_text(const PackReport& report) {
  std::string text = "pack of " + std::to_string(report.slots) + " trials at once";
  for (std::size_t i = 0; i < report.rates.size(); ++i) {
    text += (i == 0 ? "; FLOP/s (exact) with " : ", ") + std::to_string(i + 1) + ": " +
            format_flops(report.rates[i]);
  }
  return text;
}

// One process, one core, trial after trial; on a device several at once.
void work(const WorkerFlags& flags) {
  const StopSignal stop;
  const auto stopped = [&] { return stop.requested(); };
  std::shared_ptr<EnergyMeter> energy;
  if (auto counter = open_energy_counter(flags.device, "libnvidia-ml.so.1",
                                         std::getenv("CUDA_VISIBLE_DEVICES"))) {
    energy = std::make_shared<EnergyMeter>(std::move(counter));
  }
  const AttemptOptions attempt{.device = flags.device,
                               .stop = stopped,
                               .note = say,
                               .checkpoint_dir = flags.checkpoint_dir,
                               .checkpoint_seconds = flags.checkpoint_seconds,
                               .peak_flops = flags.peak_flops,
                               .energy = energy};
  const WorkerOptions options{
      .attempt = attempt, .policy = {.bugs = flags.bugs}, .stack = flags.stack};
  if (flags.pack > 1) {
    const PackReport report =
        run_pack(flags.db, flags.study, make_runner, options, {.most_slots = flags.pack});
    say(pack_text(report));
    if (exit_status(report.worker) != 0) throw ExitCode{exit_status(report.worker)};
    return;
  }
  Store store = patiently(attempt.patience_seconds, stopped, [&] { return Store(flags.db); });
  const auto runner = make_runner();
  const WorkerReport report = run_worker(store, flags.study, *runner, options);
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
  command->add_option("--pack", flags->pack, "");
  command->add_option("--stack", flags->stack, "");
  command->add_option("--bugs", flags->bugs, "");
  command->add_option("--peak-flops", flags->peak_flops, "");
  command->add_option("--checkpoint-seconds", flags->checkpoint_seconds, "");
  command->callback([flags] { work(*flags); });
}

}  // namespace isoflop
