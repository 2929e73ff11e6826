// Options of the command line in a TOML file, for --config and --print-config.
//
//   flops = 5.76e23            # a key is an option's name without its dashes
//   iso-loss = true            # a flag
//   sizes = ["1B", "7B"]       # an option that may be given many times
//   [fit]                      # of that verb only; a file may serve several
//   csv = "runs.csv"
//   [sweep.run]
//   workers = 4
//
// Errors: Error(kUsage) "file:line: what" for bad TOML, dates, tables within lists, numbers that
// are not finite; "cannot be read" where there is no such file.
#ifndef ISOFLOP_IO_OPTION_FILE_H_
#define ISOFLOP_IO_OPTION_FILE_H_

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

struct FileOption {
  std::string verb;  // "sweep run"; empty: whichever verb reads the file
  std::string key;
  std::vector<std::string> values;  // as they would be typed; a flag's is "true" or "false"
  int line = 0;
};

// In the order of the file's lines. `name` is the file's name for messages.
std::vector<FileOption> parse_option_file(std::string_view text, const std::string& name);
std::vector<FileOption> read_option_file(const std::string& path);

// A value as TOML: bare where TOML reads the same text back, else in quotes.
std::string option_toml(const std::string& value);
std::string option_toml(const std::vector<std::string>& values);

}  // namespace isoflop

#endif  // ISOFLOP_IO_OPTION_FILE_H_
