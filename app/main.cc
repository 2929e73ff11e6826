// isoflop: trains grids of small models, fits loss laws, plans large ones. See docs/design.md.
#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <vector>

#include "app/command_page.h"
#include "app/command_tree.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/output.h"
#include "app/trainer_program.h"
#include "app/value_kinds.h"
#include "app/wrong_line.h"
#include "core/error.h"
#include "db/process.h"
#include "io/json.h"

namespace isoflop {
namespace {

constexpr const char* kDescription =
    "How large a model should I train, on how many tokens, and what loss will I get?\n"
    "isoflop trains a grid of small models, fits a loss law to them and plans the large one.";

constexpr const char* kExamples =
    "  isoflop demo                                  the whole way on a small corpus\n"
    "  isoflop fit --csv runs.csv                    a law from a table of runs\n"
    "  isoflop plan --flops 5.76e23 --law epoch2024  a plan from a published law";

void add_verbs(CLI::App& app) {
  app.set_version_flag("--version", "isoflop " + program_version());
  app.footer(kExamples);
  app.require_subcommand(1);
  add_demo_command(app);
  add_data_command(app);
  add_sweep_command(app);
  add_train_command(app);
  add_import_command(app);
  add_fit_command(app);
  add_plan_command(app);
  add_tune_command(app);
  add_compare_command(app);
  add_reproduce_command(app);
  add_suggest_command(app);
  add_report_command(app);
  add_flops_command(app);
  add_doctor_command(app);
  add_words_commands(app);
}

// Help and version are "errors" of code 0; every other one is a wrong command line.
void parse(CLI::App& app, int argc, char** argv) {
  try {
    check_values(app, {argv + 1, argv + argc});
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw wrong_line(app, error, {argv + 1, argv + argc});
    app.exit(error);
  }
}

// Scripts that asked for JSON get a refusal's code as JSON, on stdout.
void print_refusal(const CLI::App& app, const Error& error) {
  const CLI::App& verb = *verbs_in_use(app).back();
  const CLI::Option* json = find_option(verb, "--json");
  const CLI::Option* other = find_option(verb, "--print");
  const bool asked = (json != nullptr && json->count() > 0) ||
                     (other != nullptr && other->results() == std::vector<std::string>{"json"});
  if (!asked || error.kind() != ErrorKind::kRefused) return;
  print(json_text(
      {{"error",
        {{"code", error.code()}, {"message", error.what()}, {"exit_code", error.exit_code()}}}}));
}

int run(int argc, char** argv) {
  CLI::App app{kDescription, "isoflop"};
  app.formatter_fn([](const CLI::App* verb, const std::string&, CLI::AppFormatMode) {
    return help_text(page_of(*verb));
  });
  add_verbs(app);
  add_config_options(app);
  name_values(app);
  print_config_if_asked(app, {argv + 1, argv + argc});
  try {
    parse(app, argc, argv);
    finish_output();
  } catch (const Error& error) {
    print_refusal(app, error);
    say(error_text(error, app));
    return error.exit_code();
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
    isoflop::say("isoflop: " + std::string(error.what()));
    return error.exit_code();
  } catch (const std::exception& error) {
    isoflop::say("isoflop: unexpected: " + std::string(error.what()) +
                 ": this is a defect; please report it with the command that you ran");
    return 1;
  }
}
