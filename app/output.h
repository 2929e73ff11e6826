// How results reach people and scripts: data on stdout, everything else on stderr.
#ifndef ISOFLOP_APP_OUTPUT_H_
#define ISOFLOP_APP_OUTPUT_H_

#include <string>

#include "report/text_table.h"

namespace CLI {
class App;
}

namespace isoflop {

struct OutputFormat {
  bool json = false;
  bool csv = false;
  bool markdown = false;
};

// --json, --csv, --md: at most one.
void add_format_flags(CLI::App* command, OutputFormat& format);

// A table in the format asked for. As JSON it is an array of objects; cells that are numbers become
// numbers, empty ones are left out.
std::string table_text(const TextTable& table, const OutputFormat& format);

// Writes to stdout. A closed pipe ends the program silently (SIGPIPE keeps its default).
void print(const std::string& text);

// A line on stderr; a progress line that stands there (app/progress.h) gives way to it.
void say(const std::string& line);

// A word as a shell reads it, quoted only where it has to be.
std::string shell_word_of(const std::string& word);

// The command line of this process as a shell reads it.
std::string own_command();

}  // namespace isoflop

#endif  // ISOFLOP_APP_OUTPUT_H_
