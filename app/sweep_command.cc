// isoflop sweep
#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/sweep_verbs.h"

namespace isoflop {

void add_store_flags(CLI::App* command, StoreFlags& flags) {
  command->add_option("--db", flags.db, "The store; default runs.db");
  command->add_option("--study", flags.study,
                      "The study's name; default: the grid's, or the newest");
}

void add_sweep_command(CLI::App& app) {
  CLI::App* sweep = app.add_subcommand("sweep", "Grids of trials: run them, look at them");
  sweep->require_subcommand(1);
  add_sweep_run(sweep);
  add_sweep_status(sweep);
  add_sweep_watch(sweep);
  add_sweep_retry(sweep);
  add_sweep_export(sweep);
  add_sweep_worker(sweep);
  add_sweep_assign(sweep);
  add_sweep_slurm(sweep);
  add_sweep_task(sweep);
  add_sweep_collect(sweep);
  add_sweep_merge(sweep);
}

}  // namespace isoflop
