// --config FILE and --print-config, which every verb has.
//
// What holds: the command line, then the file, then the default. The file is TOML
// (io/option_file.h);
// --print-config prints every option of the verb with its value and where it comes from, as a file
// that --config reads, and does nothing else.
#ifndef ISOFLOP_APP_CONFIG_H_
#define ISOFLOP_APP_CONFIG_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace isoflop {

// To every verb that works; help, man and completion have no configuration. After all verbs are
// added and before the command line is read.
void add_config_options(CLI::App& root);

// Where --print-config is among the words, verbs print their configuration instead of working, and
// nothing is required of the command line.
void print_config_if_asked(CLI::App& root, const std::vector<std::string>& words);

}  // namespace isoflop

#endif  // ISOFLOP_APP_CONFIG_H_
