// isoflop sweep run | status | export | worker
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/output.h"
#include "app/running_forecasts.h"
#include "app/study.h"
#include "app/sweep_text.h"
#include "core/device_peak.h"
#include "core/error.h"
#include "core/units.h"
#include "io/grid_toml.h"
#include "report/numbers_text.h"
#include "sweep/cost.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"

namespace isoflop {
namespace {

struct SweepFlags {
  std::string grid;
  std::string db = "runs.db";
  std::string study;
  std::string corpus;
  std::string trainer;
  std::string device = "cpu";
  int workers = 0;
  double minutes = 0;
  double checkpoint_minutes = 5;
  bool no_checkpoints = false;
  std::string checkpoint_dir;  // the worker's own, as the next
  double checkpoint_seconds = 300;
  std::string peak;       // as given
  double peak_flops = 0;  // the worker's own
  bool dry_run = false;
  bool print_config = false;
  bool quiet = false;
  bool curves = false;
  OutputFormat format;
};

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
  return table;
}

void dry_run(const LoadedGrid& loaded, const SweepFlags& flags) {
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

GridSpec grid_of(const SweepFlags& flags) {
  GridSpec spec = read_grid(flags.grid);
  if (!flags.study.empty()) spec.name = flags.study;
  if (!flags.trainer.empty()) set_fixed(spec, "trainer", flags.trainer);
  return spec;
}

std::string same_command(const SweepFlags& flags) {
  return "isoflop sweep run " + flags.grid + " --db " + flags.db +
         (flags.study.empty() ? "" : " --study " + flags.study) +
         (flags.corpus.empty() ? "" : " --corpus " + flags.corpus);
}

// The study's state as of now: what the sweep of an instant ago left.
void print_status(const std::string& db, const std::string& study, bool json) {
  const Store store(db, StoreMode::kReadOnly);
  const SweepStatus status = store.status(choose_study(store, study));
  const auto rungs = store.rate_rungs(status.study);
  const auto forecasts = forecast_running(store, status.study);
  if (!json) return print(status_text(status, rungs) + forecasts_text(forecasts));
  Json answer = status_json(status, rungs);
  if (!forecasts.empty()) answer["running"] = forecasts_json(forecasts);
  print(json_text(answer));
}

void report_end(const SweepSummary& summary, const SweepFlags& flags) {
  print_status(flags.db, summary.status.study, flags.format.json);
  if (summary.interrupted) {
    say((summary.out_of_time
             ? "stopped after " + format_duration(summary.seconds) + ", as --minutes says"
             : std::string("interrupted")) +
        ": finished trials are saved; go on with:\n  " + same_command(flags));
    throw ExitCode{130};
  }
  if (summary.status.failed > 0) {
    say(std::to_string(summary.status.failed) +
        " trials failed; see why with:\n  isoflop sweep export --db " + flags.db + " --study " +
        summary.status.study);
    throw ExitCode{4};
  }
  say("next: isoflop fit --db " + flags.db);
}

RunOptions run_options(const SweepFlags& flags) {
  if (flags.minutes < 0) throw usage_error("--minutes: give a number above 0");
  if (!(flags.checkpoint_minutes > 0)) {
    throw usage_error("--checkpoint-minutes: give a number above 0, or --no-checkpoints");
  }
  return {.db = flags.db,
          .workers = flags.workers,
          .device = flags.device,
          .quiet = flags.quiet,
          .max_seconds = 60 * flags.minutes,
          .checkpoints = !flags.no_checkpoints,
          .checkpoint_seconds = 60 * flags.checkpoint_minutes,
          .peak_flops = flags.peak.empty() ? 0 : parse_peak(flags.peak, "float32")};
}

void run(const SweepFlags& flags) {
  const LoadedGrid loaded = load_grid(grid_of(flags), flags.corpus);
  if (flags.print_config) return print(grid_toml(loaded.spec));
  for (const std::string& note : loaded.grid.notes) say("note: " + note);
  if (flags.dry_run) return dry_run(loaded, flags);
  report_end(run_study(loaded, run_options(flags)), flags);
}

void show_status(const SweepFlags& flags) {
  print_status(flags.db, flags.study, flags.format.json);
}

TextTable curve_table(const Store& store, const std::vector<TrialRow>& rows) {
  TextTable table{{"trial", "step", "tokens", "flops_exact", "train_loss", "heldout_loss", "rate",
                   "grad_norm", "seconds"},
                  {}};
  for (const TrialRow& row : rows) {
    for (const CurvePoint& point : store.curve(row.id)) {
      table.rows.push_back(
          {row.identity.substr(0, 12), std::to_string(point.step), exact_number(point.tokens),
           exact_number(point.flops), exact_number(point.train_loss),
           point.heldout_loss ? exact_number(*point.heldout_loss) : "", exact_number(point.rate),
           exact_number(point.grad_norm), exact_number(point.seconds)});
    }
  }
  return table;
}

void export_tables(const SweepFlags& flags) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const auto rows = store.trials(choose_study(store, flags.study));
  if (flags.curves) return print(table_text(curve_table(store, rows), flags.format));
  const bool machine = flags.format.json || flags.format.csv;
  print(table_text(machine ? trial_table(rows) : short_trial_table(rows), flags.format));
}

// What the driver execs: one process, one core, trial after trial.
void work(const SweepFlags& flags) {
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

CLI::App* add_store_flags(CLI::App* command, SweepFlags& flags) {
  command->add_option("--db", flags.db, "The store; default runs.db");
  command->add_option("--study", flags.study,
                      "The study's name; default: the grid's, or the newest");
  return command;
}

void add_run(CLI::App* sweep) {
  auto flags = std::make_shared<SweepFlags>();
  CLI::App* command = add_store_flags(
      sweep->add_subcommand("run", "Run a grid of trials; again: what is missing of it"), *flags);
  command->footer(
      "  isoflop sweep run examples/demo.toml --dry-run\n"
      "  isoflop sweep run examples/demo.toml --db runs.db\n"
      "  isoflop sweep run my.toml --corpus corpora/mine --workers 1 --minutes 60");
  command->add_option("grid", flags->grid, "The grid's TOML file (docs/grid.md)")->required();
  command->add_option("--corpus", flags->corpus, "Prepared corpus, instead of the grid's");
  command->add_option("--trainer", flags->trainer, "decoder or tabular, instead of the grid's");
  command->add_option("--workers", flags->workers, "Worker processes; default: one a core");
  command->add_option("--device", flags->device, "cpu, cuda or cuda:N; default cpu");
  command->add_option("--minutes", flags->minutes,
                      "Stop after so many, as after Ctrl-C; the same command goes on");
  command->add_option("--checkpoint-minutes", flags->checkpoint_minutes,
                      "Between a trial's checkpoints; default 5");
  command->add_flag("--no-checkpoints", flags->no_checkpoints,
                    "Start interrupted trials anew, and train shared trunks for every trial");
  command->add_option("--peak-flops", flags->peak,
                      "The device's peak for MFU: FLOP/s or a name (h100); default: a CPU core's "
                      "is measured");
  command->add_flag("--dry-run", flags->dry_run, "Print every trial and its cost; run nothing");
  command->add_flag("--print-config", flags->print_config, "Print the grid as understood");
  command->add_flag("--quiet", flags->quiet, "No progress");
  add_format_flags(command, flags->format);
  command->callback([flags] { run(*flags); });
}

void add_readers(CLI::App* sweep) {
  auto status_flags = std::make_shared<SweepFlags>();
  CLI::App* status =
      add_store_flags(sweep->add_subcommand("status", "How far a study is"), *status_flags);
  status->footer(
      "  isoflop sweep status\n  isoflop sweep status --db runs.db --study demo\n"
      "  isoflop sweep status --json");
  status->add_flag("--json", status_flags->format.json, "Print JSON");
  status->callback([status_flags] { show_status(*status_flags); });

  auto export_flags = std::make_shared<SweepFlags>();
  CLI::App* out = add_store_flags(
      sweep->add_subcommand(
          "export", "The study's trials as a table, at full precision with --csv or --json"),
      *export_flags);
  out->footer(
      "  isoflop sweep export --db runs.db\n  isoflop sweep export --csv > trials.csv\n"
      "  isoflop sweep export --curves --csv > curves.csv");
  out->add_flag("--curves", export_flags->curves, "Training curves instead of trials");
  add_format_flags(out, export_flags->format);
  out->callback([export_flags] { export_tables(*export_flags); });
}

}  // namespace

void add_sweep_command(CLI::App& app) {
  CLI::App* sweep = app.add_subcommand("sweep", "Grids of trials: run them, look at them");
  sweep->require_subcommand(1);
  add_run(sweep);
  add_readers(sweep);

  auto flags = std::make_shared<SweepFlags>();
  CLI::App* worker = add_store_flags(sweep->add_subcommand("worker", ""), *flags);
  worker->group("");  // the driver's own; not in the help
  worker->add_option("--device", flags->device, "");
  worker->add_option("--checkpoints", flags->checkpoint_dir, "");
  worker->add_option("--peak-flops", flags->peak_flops, "");
  worker->add_option("--checkpoint-seconds", flags->checkpoint_seconds, "");
  worker->callback([flags] { work(*flags); });
}

}  // namespace isoflop
