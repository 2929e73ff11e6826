// isoflop sweep watch
#include <CLI/CLI.hpp>
#include <memory>

#include "app/live_page.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "core/error.h"
#include "sweep/stop_signal.h"

namespace isoflop {
namespace {

constexpr int kUsualPort = 8765;
constexpr int kNoPort = -1;

struct WatchFlags : StoreFlags {
  double every = 2;
  int port = kNoPort;
  bool json = false;
};

void serve(StoreFlags store, int port) {
  // A newer study does not take its place.
  store.study = choose_study(Store(store.db, StoreMode::kReadOnly), store.study);
  ReportQuestion question{.command = own_command()};
  question.input.db = store.db;
  question.input.study = store.study;
  question.input.only_read = true;
  const StopSignal stop;
  serve_live_page(
      {.question = question,
       .port = port,
       .status_json = [&] { return status_as_json(store); },
       .ready =
           [](const std::string& address) {
             print(address);
             std::fflush(stdout);
             say("serving the report to this machine; Ctrl-C ends it, and nothing else");
           },
       .stop = [&] { return stop.requested(); }});
}

void run_watch(const WatchFlags& flags) {
  if (flags.port != kNoPort) {
    if (flags.port < 0 || flags.port > 65535) {
      throw usage_error("--serve: a port is a number from 1 to 65535; 0: any that is free");
    }
    return serve(flags, flags.port);
  }
  if (!(flags.every > 0)) throw usage_error("--every: give seconds above 0");
  watch_status(flags, flags.every, flags.json);
}

}  // namespace

void add_sweep_watch(CLI::App* sweep) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* command = sweep->add_subcommand(
      "watch", "Follow a sweep: here, or with --serve as a page for the browser");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep watch --db runs.db\n"
      "  isoflop sweep watch --serve          the report, as trials finish\n"
      "  isoflop sweep watch --serve 9000");
  command
      ->add_option("--serve", flags->port,
                   "Serve the report on http://127.0.0.1:PORT/, read-only; default 8765, 0: any")
      ->expected(0, 1)
      ->default_str(std::to_string(kUsualPort));
  command->add_option("--every", flags->every, "Seconds between looks; default 2");
  command->add_flag("--json", flags->json, "A line of JSON a look");
  command->callback([flags] { run_watch(*flags); });
}

}  // namespace isoflop
