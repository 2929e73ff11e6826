// isoflop sweep status
#include <CLI/CLI.hpp>
#include <memory>

#include "app/answer.h"
#include "app/output.h"
#include "app/running_forecasts.h"
#include "app/status_json.h"
#include "app/study.h"
#include "app/sweep_text.h"
#include "app/sweep_verbs.h"
#include "app/watch.h"
#include "core/error.h"
#include "core/units.h"
#include "io/json.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostForecasts = 8;

struct StatusFlags : StoreFlags {
  OutputFormat format;
  double watch = 0;  // seconds; 0: one look
  std::string watts;
  std::string price;
  std::string gpu;
};

std::string store_flags_text(const std::string& db, const std::string& study) {
  return " --db " + db + " --study " + study;
}

DeviceRates rates_of(const StatusFlags& flags) {
  DeviceRates rates{.gpu = flags.gpu};
  if (!flags.watts.empty()) rates.watts = parse_quantity(flags.watts, "--watts");
  if (!flags.price.empty()) rates.price = parse_money(flags.price, "--price");
  if (rates.watts.value_or(0) < 0 || rates.price.value_or(0) < 0) {
    throw usage_error("--watts and --price: give numbers of 0 or more");
  }
  return rates;
}

// One short look: the connection is closed before anything is printed, so that whoever looks at the
// output for a long time keeps no checkpoint waiting.
StatusAnswer look_at(const StatusFlags& flags) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const std::string study = choose_study(store, flags.study);
  return {.view = store.view(study),
          .rungs = store.rate_rungs(study),
          .forecasts = forecast_running(store, study, kMostForecasts),
          .rates = rates_of(flags),
          .curves = is_asked(flags.format) ? RunningCurves{} : running_curves(store, study),
          .utf8 = has_utf8(),
          .store_flags = store_flags_text(flags.db, study)};
}

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S ", localtime_r(&now, &local));
  return text;
}

Look one_look(StatusFlags& flags) {
  const StatusAnswer answer = look_at(flags);
  const SweepStatus& status = answer.view.status;
  flags.study = status.study;  // a newer study does not take its place
  return {.text = status_text(answer),
          .line = flags.format.json ? status_json(answer).dump() : clock_text() + headline(answer),
          .last = status.ended() == status.trials()};
}

void show_status(StatusFlags flags) {
  if (flags.watch > 0 && (flags.format.csv || flags.format.markdown)) {
    throw usage_error(
        "--watch: --csv and --md are for one look; --json prints a line at every look");
  }
  if (flags.watch < 0) throw usage_error("--watch: give seconds above 0");
  if (flags.watch > 0) return watch(flags.watch, [&] { return one_look(flags); });
  const StatusAnswer answer = look_at(flags);
  if (is_asked(flags.format)) return print(answer_text(status_json(answer), flags.format));
  print_headed(status_text(answer));
}

}  // namespace

void print_status(const StoreFlags& flags, const OutputFormat& format) {
  StatusFlags all;
  static_cast<StoreFlags&>(all) = flags;
  all.format = format;
  show_status(all);
}

void watch_status(const StoreFlags& flags, double seconds, bool json) {
  StatusFlags all;
  static_cast<StoreFlags&>(all) = flags;
  all.format.json = json;
  all.watch = seconds;
  show_status(all);
}

std::string status_as_json(const StoreFlags& flags) {
  StatusFlags all;
  static_cast<StoreFlags&>(all) = flags;
  return json_text(status_json(look_at(all)));
}

void add_sweep_status(CLI::App* sweep) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = sweep->add_subcommand(
      "status", "How far a study is, what runs, what failed, what it has cost, when it is done");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep status\n  isoflop sweep status --db runs.db --study demo --watch\n"
      "  isoflop sweep status --gpu h100 --json");
  add_format_flags(command, flags->format);
  command
      ->add_option("--watch", flags->watch, "Look again every so many seconds (2), until it ends")
      ->expected(0, 1)
      ->default_str("2");
  command->add_option("--watts", flags->watts, "Of a worker's core or accelerator, for the energy");
  command->add_option("--price", flags->price, "Of an hour of it, for the money: '$2.50'");
  command->add_option("--gpu", flags->gpu,
                      "What the workers' accelerator is (h100), for its watts and price");
  command->callback([flags] { show_status(*flags); });
}

}  // namespace isoflop
