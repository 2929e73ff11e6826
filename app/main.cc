// isoflop: trains grids of small models, fits loss laws, plans large ones. See docs/design.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/output.h"
#include "app/trainer_program.h"
#include "core/closest_word.h"
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

// CLI11 says only that a subcommand is missing where the first word is none of them.
void check_verb(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands(nullptr)) verbs.push_back(verb->get_name());
  if (std::find(verbs.begin(), verbs.end(), argv[1]) != verbs.end()) return;
  const std::string near = closest_word(argv[1], verbs);
  throw usage_error("\"" + std::string(argv[1]) + "\" is no verb of isoflop: " +
                    (near.empty() ? "see isoflop --help" : "did you mean " + near + "?"));
}

int run(int argc, char** argv) {
  CLI::App app{kDescription, "isoflop"};
  app.set_version_flag("--version", "isoflop " + program_version());
  app.require_subcommand(1);
  add_demo_command(app);
  add_data_command(app);
  add_sweep_command(app);
  add_train_command(app);
  add_import_command(app);
  add_fit_command(app);
  add_plan_command(app);
  add_compare_command(app);
  add_reproduce_command(app);
  add_suggest_command(app);
  add_doctor_command(app);
  check_verb(app, argc, argv);
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
    isoflop::become_trainer_program(argc, argv);
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
