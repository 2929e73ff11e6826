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
  bool jsonl = false;  // of tables only: an object a line
};

// --json, --csv, --md: at most one.
void add_format_flags(CLI::App* command, OutputFormat& format);
// The same for a verb whose --csv is what it reads: --json, --md, --print json|csv|md.
void add_print_flags(CLI::App* command, OutputFormat& format);
// --json, --csv, --md, --jsonl, for long tables.
void add_table_flags(CLI::App* command, OutputFormat& format);

// A table in the format asked for. As JSON it is an array of objects; cells that are numbers become
// numbers, empty ones are left out.
std::string table_text(const TextTable& table, const OutputFormat& format);

// Writes to stdout. A closed pipe ends the program silently (SIGPIPE keeps its default).
void print(const std::string& text);

// An answer in words: its first line stands out in a terminal.
void print_headed(const std::string& text);

// Colour is for terminals only, unless CLICOLOR_FORCE asks for it; NO_COLOR forbids it, and so does
// TERM=dumb. `file` is STDOUT_FILENO or STDERR_FILENO.
bool wants_colour(int file);
// Whether what is written may be other than ASCII: by LC_ALL, LC_CTYPE or LANG.
bool has_utf8();

// Throws Error(kFailed) when what was printed could not be written, as on a full disk. A reader
// that has gone away is no error.
void finish_output();

// A line on stderr, its "warning:" or "note:" coloured in a terminal; a progress line that stands
// there (app/progress.h) gives way to it.
void say(const std::string& line);

// A word as a shell reads it, quoted only where it has to be.
std::string shell_word_of(const std::string& word);

// The command line of this process as a shell reads it.
std::string own_command();

}  // namespace isoflop

#endif  // ISOFLOP_APP_OUTPUT_H_
