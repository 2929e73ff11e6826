// The verbs of the program. Each function adds one subcommand; its callback does the work and
// throws isoflop::Error when it cannot, or ExitCode to end with a code that is not an error.
#ifndef ISOFLOP_APP_COMMANDS_H_
#define ISOFLOP_APP_COMMANDS_H_

namespace CLI {
class App;
}

namespace isoflop {

// Thrown to end the program with `code` after everything was said (4: finished with failed trials,
// 130: interrupted).
struct ExitCode {
  int code = 0;
};

void add_demo_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_sweep_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_import_command(CLI::App& app);
void add_fit_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_tune_command(CLI::App& app);
void add_compare_command(CLI::App& app);
void add_reproduce_command(CLI::App& app);
void add_suggest_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_flops_command(CLI::App& app);
// help, man, completion
void add_words_commands(CLI::App& app);
void add_doctor_command(CLI::App& app);

}  // namespace isoflop

#endif  // ISOFLOP_APP_COMMANDS_H_
