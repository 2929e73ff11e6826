// isoflop sweep status
#include <CLI/CLI.hpp>
#include <memory>

#include "app/output.h"
#include "app/running_forecasts.h"
#include "app/study.h"
#include "app/sweep_text.h"
#include "app/sweep_verbs.h"
#include "core/error.h"
#include "io/json.h"

namespace isoflop {
namespace {

struct StatusFlags : StoreFlags {
  bool json = false;
};

}  // namespace

void print_status(const StoreFlags& flags, bool json) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const SweepStatus status = store.status(choose_study(store, flags.study));
  const auto rungs = store.rate_rungs(status.study);
  const auto forecasts = forecast_running(store, status.study);
  if (!json) return print(status_text(status, rungs) + forecasts_text(forecasts));
  Json answer = status_json(status, rungs);
  if (!forecasts.empty()) answer["running"] = forecasts_json(forecasts);
  print(json_text(answer));
}

void add_sweep_status(CLI::App* sweep) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = sweep->add_subcommand("status", "How far a study is");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep status\n  isoflop sweep status --db runs.db --study demo\n"
      "  isoflop sweep status --json");
  command->add_flag("--json", flags->json, "Print JSON");
  command->callback([flags] { print_status(*flags, flags->json); });
}

}  // namespace isoflop
