// The cells of one row of somebody's table as numbers, words and labels, with errors that name the
// file, the line and the column.
//
// Numbers are those of core/units.h ("2.8B"). Errors: Error(kUsage) "file:line: column: "cell"
// what": empty where a number is needed, text, NaN, numbers beyond a double, thousands separators,
// decimal commas, numbers that are not positive.
#ifndef ISOFLOP_IO_TABLE_ROW_H_
#define ISOFLOP_IO_TABLE_ROW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/csv.h"

namespace isoflop {

class TableRow {
 public:
  // All three must outlive the row; `name` is the file's for messages.
  TableRow(const Table& table, const std::string& name, std::size_t row)
      : table_(table), name_(name), row_(row) {}

  std::size_t number_in_table() const { return row_; }
  std::int64_t line() const { return table_.line_of_row[row_]; }

  std::string_view text(std::size_t column) const;
  // "" where there is no such column.
  std::string label(std::optional<std::size_t> column) const;

  double positive(std::size_t column) const;
  // Empty cells, or no column, are no number; a negative one is an error.
  std::optional<double> maybe_number(std::optional<std::size_t> column) const;
  // 0 for an empty cell or no column.
  std::int64_t whole(std::optional<std::size_t> column) const;

  [[noreturn]] void fail(std::size_t column, const std::string& what) const;

 private:
  double number(std::size_t column) const;

  const Table& table_;
  const std::string& name_;
  std::size_t row_;
};

}  // namespace isoflop

#endif  // ISOFLOP_IO_TABLE_ROW_H_
