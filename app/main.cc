// isoflop: trains grids of small models, fits loss laws, plans large ones. See docs/design.md.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "app/commands.h"
#include "app/output.h"
#include "core/error.h"
#include "db/process.h"

namespace isoflop {
namespace {

constexpr const char* kDescription =
    "How large a model should I train, on how many tokens, and what loss will I get?\n"
    "isoflop trains a grid of small models, fits a loss law to them and plans the large one.\n\n"
    "  isoflop demo                                  the whole way on a small corpus\n"
    "  isoflop fit --csv runs.csv                    a law from a table of runs\n"
    "  isoflop plan --flops 5.76e23 --law epoch2024  a plan from a published law";

int run(int argc, char** argv) {
  CLI::App app{kDescription, "isoflop"};
  app.set_version_flag("--version", "isoflop " + program_version());
  app.require_subcommand(1);
  add_demo_command(app);
  add_data_command(app);
  add_sweep_command(app);
  add_train_command(app);
  add_fit_command(app);
  add_plan_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of code 0; every other one is a wrong command line.
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(ErrorKind::kUsage);
  }
  return 0;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  try {
    return isoflop::run(argc, argv);
  } catch (const isoflop::ExitCode& exit) {
    return exit.code;
  } catch (const isoflop::Error& error) {
    isoflop::say("isoflop: " + std::string(error.what()) +
                 (error.code().empty() ? "" : " [" + error.code() + "]"));
    return error.exit_code();
  } catch (const std::exception& error) {
    isoflop::say("isoflop: unexpected: " + std::string(error.what()) +
                 ": this is a defect; please report it with the command that you ran");
    return 1;
  }
}
