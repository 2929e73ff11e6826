// Comma-separated tables (RFC 4180): quotes, doubled quotes, line breaks inside quotes, LF or CRLF,
// a UTF-8 byte-order mark. The first record names the columns. Blank lines are skipped; there are
// no comments. All cells are text.
//
// Errors: Error(kUsage) "file:line: what" for a row of another length than the header, an open
// quote, text after a closing quote, a column named twice, no header, semicolons or tabs for
// commas, UTF-16.
#ifndef ISOFLOP_IO_CSV_H_
#define ISOFLOP_IO_CSV_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // each as long as `columns`
  std::vector<std::int64_t> line_of_row;       // where it starts in the file, from 1
};

// `name` is the file's name for messages.
Table parse_csv(std::string_view text, const std::string& name);
Table read_csv(const std::string& path);

// The same with cells separated by tabs, semicolons or whatever `separator` is. `columns`: their
// names where the text has none and begins with a row.
Table parse_separated(std::string_view text, const std::string& name, char separator,
                      std::vector<std::string> columns = {});

// What separates the cells of the first line that is not blank: the most frequent of comma, tab,
// semicolon and bar outside quotes; a comma where there is none.
char separator_of(std::string_view text);

// With LF; cells are quoted where they need it. parse_csv reads it back.
std::string csv_text(const Table& table);

}  // namespace isoflop

#endif  // ISOFLOP_IO_CSV_H_
