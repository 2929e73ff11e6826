// Cells of a built-in table by column name; for this room's own sources.
#ifndef ISOFLOP_PUBLISHED_ROW_READER_H_
#define ISOFLOP_PUBLISHED_ROW_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv.h"

namespace isoflop {

class RowReader {
 public:
  RowReader(const Table& table, std::string_view file, std::size_t row)
      : table_(table), file_(file), row_(row) {}

  // Throw Error(kFailed) naming file, line and column: no such column, or no number.
  const std::string& text(std::string_view column) const;
  double number(std::string_view column) const;
  std::int64_t whole(std::string_view column) const;
  std::optional<double> maybe(std::string_view column) const;  // absent: an empty cell

 private:
  [[noreturn]] void fail(std::string_view column, std::string_view what) const;

  const Table& table_;
  std::string_view file_;
  std::size_t row_;
};

Table published_table(std::string_view file);

// Every row of a built-in table through `read`.
template <typename Read>
auto rows_of(std::string_view file, Read read) {
  const Table table = published_table(file);
  std::vector<decltype(read(RowReader(table, file, 0)))> rows;
  rows.reserve(table.rows.size());
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    rows.push_back(read(RowReader(table, file, i)));
  }
  return rows;
}

}  // namespace isoflop

#endif  // ISOFLOP_PUBLISHED_ROW_READER_H_
