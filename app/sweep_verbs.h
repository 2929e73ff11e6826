// The verbs of `isoflop sweep`, one file each; app/sweep_command.cc puts them together.
#ifndef ISOFLOP_APP_SWEEP_VERBS_H_
#define ISOFLOP_APP_SWEEP_VERBS_H_

#include <string>

#include "app/output.h"

namespace CLI {
class App;
}

namespace isoflop {

// Which store, and which study in it.
struct StoreFlags {
  std::string db = "runs.db";
  std::string study = {};
};
void add_store_flags(CLI::App* command, StoreFlags& flags);

// The study's state as of now.
void print_status(const StoreFlags& flags, const OutputFormat& format);
// The same again and again until the sweep ends (app/watch.h).
void watch_status(const StoreFlags& flags, double seconds, bool json);
// What `sweep status --json` prints.
std::string status_as_json(const StoreFlags& flags);

void add_sweep_run(CLI::App* sweep);
void add_sweep_status(CLI::App* sweep);
void add_sweep_retry(CLI::App* sweep);
void add_sweep_export(CLI::App* sweep);
void add_sweep_worker(CLI::App* sweep);
void add_sweep_assign(CLI::App* sweep);
void add_sweep_slurm(CLI::App* sweep);
void add_sweep_task(CLI::App* sweep);
void add_sweep_collect(CLI::App* sweep);
void add_sweep_merge(CLI::App* sweep);
void add_sweep_watch(CLI::App* sweep);

}  // namespace isoflop

#endif  // ISOFLOP_APP_SWEEP_VERBS_H_
