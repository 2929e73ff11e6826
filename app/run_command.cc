// isoflop sweep run
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "app/adaptive_sweep.h"
#include "app/commands.h"
#include "app/early_law.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_text.h"
#include "app/sweep_verbs.h"
#include "core/device_peak.h"
#include "core/error.h"
#include "core/units.h"
#include "io/grid_toml.h"
#include "report/numbers_text.h"
#include "sweep/cost.h"

namespace isoflop {
namespace {

struct RunFlags : StoreFlags {
  std::string grid;
  std::string corpus;
  std::string trainer;
  std::string device = "cpu";
  int workers = 0;
  std::string pack = "auto";
  RetryPolicy policy;
  double minutes = 0;
  double checkpoint_minutes = 5;
  bool no_checkpoints = false;
  std::string peak;  // as given
  bool dry_run = false;
  bool print_grid = false;
  bool quiet = false;
  std::optional<double> until;
  std::string target;  // of --until, and of the law while the sweep runs
  int seeds = 3;
  OutputFormat format;
};

void add_column(TextTable& table, std::size_t at, const std::string& name,
                const std::function<std::string(std::size_t)>& cell) {
  const auto place = static_cast<std::ptrdiff_t>(at);
  table.columns.insert(table.columns.begin() + place, name);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    table.rows[i].insert(table.rows[i].begin() + place, cell(i));
  }
}

// What most grids have no use for: parameters that a token passes through, distinct tokens.
void add_columns_where_told(const Grid& grid, const SweepCost& cost,
                            const std::function<std::string(double)>& number, TextTable& table) {
  const auto any = [&](const auto& holds) {
    return std::any_of(grid.trials.begin(), grid.trials.end(),
                       [&](const PlannedTrial& planned) { return holds(planned.trial); });
  };
  if (any([](const Trial& t) { return t.data.unique_tokens > 0; })) {
    add_column(table, 3, "unique", [&](std::size_t i) {
      const double unique = grid.trials[i].trial.data.unique_tokens;
      return unique > 0 ? number(unique) : "";
    });
  }
  if (any([](const Trial& t) { return t.model.sparse(); })) {
    add_column(table, 2, "active",
               [&](std::size_t i) { return number(cost.trials[i].active_params); });
  }
}

TextTable cost_table(const Grid& grid, const SweepCost& cost, bool exact) {
  const auto number = exact ? exact_number : format_quantity;
  const auto flops = exact ? exact_number : format_flops;
  const auto time = exact ? exact_number : format_duration;
  TextTable table{{"budget", "N", "D", "D/N", "steps", "rate", "batch", "seed", "FLOP 6nd",
                   "FLOP exact", "memory", "time", "role", "shape"},
                  {}};
  for (size_t i = 0; i < grid.trials.size(); ++i) {
    const PlannedTrial& planned = grid.trials[i];
    const TrialCost& c = cost.trials[i];
    table.rows.push_back(
        {planned.budget ? flops(*planned.budget) : "", number(c.params), number(c.tokens),
         number(c.tokens / c.params), std::to_string(c.steps), number(planned.trial.train.rate),
         std::to_string(planned.trial.train.batch), std::to_string(planned.trial.seed),
         flops(c.flops_6nd), flops(c.flops_exact), number(c.memory_bytes),
         time(c.seconds * (1 - c.given / c.tokens)), std::string(name_of(planned.role)),
         planned.trial.trainer == "tabular" ? "tabular" : shape_name(planned.trial.model)});
  }
  add_columns_where_told(grid, cost, number, table);
  return table;
}

void dry_run(const LoadedGrid& loaded, const RunFlags& flags) {
  const int workers = flags.workers > 0 ? flags.workers : static_cast<int>(usable_cores().size());
  const SweepCost cost = cost_of(loaded.grid.trials, {.workers = workers});
  const bool machine = flags.format.json || flags.format.csv;
  print(table_text(cost_table(loaded.grid, cost, machine), flags.format));
  if (cost.trunks > 0) say(trunks_text(cost.flops_exact, cost.flops_exact_alone));
  say(std::to_string(loaded.grid.trials.size()) + " trials, " + format_flops(cost.flops_6nd) +
      " FLOP by 6nd, " + format_flops(cost.flops_exact) + " exact; about " +
      format_duration(cost.seconds) + " with " + std::to_string(workers) + " workers (" +
      format_duration(cost.core_seconds) + " of one core), " + format_quantity(cost.memory_bytes) +
      " bytes of memory. Nothing was run");
}

GridSpec grid_of(const RunFlags& flags) {
  GridSpec spec = read_grid(flags.grid);
  if (!flags.study.empty()) spec.name = flags.study;
  if (!flags.trainer.empty()) set_fixed(spec, "trainer", flags.trainer);
  return spec;
}

void report_end(const SweepSummary& summary, const RunFlags& flags) {
  print_status({.db = flags.db, .study = summary.status.study}, flags.format);
  if (!summary.disk_full.empty()) {
    say("stopped: finished trials and checkpoints are saved; make room on that disk, then go on "
        "with:\n  " +
        own_command());
    throw ExitCode{static_cast<int>(ErrorKind::kFailed)};
  }
  if (summary.interrupted) {
    say((summary.out_of_time
             ? "stopped after " + format_duration(summary.seconds) + ", as --minutes says"
             : std::string("interrupted")) +
        ": finished trials are saved; go on with:\n  " + own_command());
    throw ExitCode{130};
  }
  if (summary.status.in_trouble() > 0) {
    say(std::to_string(summary.status.in_trouble()) +
        " trials failed; see why with:\n  isoflop sweep export --db " + flags.db + " --study " +
        summary.status.study);
    throw ExitCode{4};
  }
  say("next: isoflop fit --db " + flags.db);
}

// 0: as the device is.
int pack_of(const RunFlags& flags) {
  if (flags.pack == "auto") return 0;
  const double slots = parse_quantity(flags.pack, "--pack");
  if (slots >= 1 && slots <= 256 && slots == std::floor(slots)) return static_cast<int>(slots);
  throw usage_error("--pack: give a whole number of trials from 1 to 256, or auto");
}

RunOptions run_options(const RunFlags& flags) {
  if (flags.minutes < 0) throw usage_error("--minutes: give a number above 0");
  if (!(flags.checkpoint_minutes > 0)) {
    throw usage_error("--checkpoint-minutes: give a number above 0, or --no-checkpoints");
  }
  return {.db = flags.db,
          .workers = flags.workers,
          .device = flags.device,
          .pack = pack_of(flags),
          .policy = flags.policy,
          .quiet = flags.quiet,
          .max_seconds = 60 * flags.minutes,
          .checkpoints = !flags.no_checkpoints,
          .checkpoint_seconds = 60 * flags.checkpoint_minutes,
          .peak_flops = flags.peak.empty() ? 0 : parse_peak(flags.peak, "float32")};
}

std::optional<double> target_flops(const LoadedGrid& loaded, const RunFlags& flags) {
  if (!flags.target.empty()) return parse_quantity(flags.target, "--flops");
  if (loaded.spec.target_flops > 0 || !loaded.spec.budgets.empty()) return target_of(loaded.spec);
  return std::nullopt;
}

void run_all(const LoadedGrid& loaded, const RunFlags& flags) {
  RunOptions options = run_options(flags);
  const auto target = target_flops(loaded, flags);
  EarlyLaw law(flags.db, target.value_or(0), say);
  if (target && !flags.quiet) options.watch = [&](const SweepStatus& status) { law.look(status); };
  report_end(run_study(loaded, options), flags);
}

void run_until(const LoadedGrid& loaded, const RunFlags& flags) {
  if (!(*flags.until > 1)) {
    throw usage_error(
        "--until: give the interval's high / low that is narrow enough, above 1, "
        "e.g. 1.3");
  }
  const auto target = target_flops(loaded, flags);
  if (!target) throw usage_error("--until: say at which budget N* is wanted with --flops");
  RunOptions options = run_options(flags);
  const int workers = flags.workers > 0 ? flags.workers : static_cast<int>(usable_cores().size());
  AdaptiveSweep sweep(
      loaded, flags.db,
      {.width = *flags.until, .target_flops = *target, .seeds = flags.seeds, .batch = workers},
      [&](const std::string& line) {
        if (!flags.quiet) say(line);
      });
  options.plan = [&] { sweep.refill(); };
  options.watch = [&](const SweepStatus& status) { sweep.watch(status); };
  const SweepSummary summary = run_study(loaded, options);
  if (sweep.ended()) say(sweep.answer());
  report_end(summary, flags);
}

void run(const RunFlags& flags) {
  const LoadedGrid loaded = load_grid(grid_of(flags), flags.corpus);
  if (flags.print_grid) return print(grid_toml(loaded.spec));
  for (const std::string& note : loaded.grid.notes) say("note: " + note);
  if (flags.dry_run) return dry_run(loaded, flags);
  flags.until ? run_until(loaded, flags) : run_all(loaded, flags);
}

void add_until_flags(CLI::App* command, RunFlags& flags) {
  command->add_option("--until", flags.until,
                      "Choose trials by their worth and stop when N*'s interval is so narrow: high "
                      "/ low, e.g. 1.3 (docs/adaptive.md)");
  command->add_option(
      "--flops", flags.target,
      "The budget at which N* is wanted; default: the grid's target, or 1,000 times "
      "its largest budget");
  command->add_option("--seeds", flags.seeds, "With --until: most seeds of one cell; default 3");
}

}  // namespace

void add_sweep_run(CLI::App* sweep) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command =
      sweep->add_subcommand("run", "Run a grid of trials; again: what is missing of it");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep run examples/demo.toml --dry-run\n"
      "  isoflop sweep run examples/demo.toml --db runs.db\n"
      "  isoflop sweep run my.toml --until 1.3 --flops 1e15\n"
      "  isoflop sweep run my.toml --corpus corpora/mine --workers 1 --minutes 60");
  command->add_option("grid", flags->grid, "The grid's TOML file (docs/grid.md)")->required();
  command->add_option("--corpus", flags->corpus, "Prepared corpus, instead of the grid's");
  command->add_option("--trainer", flags->trainer, "decoder or tabular, instead of the grid's");
  command->add_option("--workers", flags->workers, "Worker processes; default: one a core");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N; default cpu");
  command->add_option("--pack", flags->pack,
                      "Most trials that one worker runs at once, as far as that is faster; default "
                      "auto: 1 on a CPU core, 16 on a device");
  command->add_option("--retries", flags->policy.bugs,
                      "Of a trial that failed by its own fault; default 1");
  command->add_option("--max-kills", flags->policy.kills,
                      "Deaths of a trial's workers in a row without progress; default 10");
  command->add_option("--minutes", flags->minutes,
                      "Stop after so many, as after Ctrl-C; the same command goes on");
  command->add_option("--checkpoint-minutes", flags->checkpoint_minutes,
                      "Between a trial's checkpoints; default 5");
  command->add_flag("--no-checkpoints", flags->no_checkpoints,
                    "Start interrupted trials anew, and train shared trunks for every trial");
  command->add_option("--peak-flops", flags->peak,
                      "The device's peak for MFU: FLOP/s or a name (h100); default: a CPU core's "
                      "is measured");
  add_until_flags(command, *flags);
  command->add_flag("--dry-run", flags->dry_run, "Print every trial and its cost; run nothing");
  command->add_flag("--print-grid", flags->print_grid, "Print the grid as understood");
  command->add_flag("--quiet", flags->quiet, "No progress");
  add_format_flags(command, flags->format);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
