#include "published/row_reader.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"
#include "published/embedded.h"
#include "published/tables.h"

namespace isoflop {

const std::string& RowReader::text(std::string_view column) const {
  const auto at = std::find(table_.columns.begin(), table_.columns.end(), column);
  if (at == table_.columns.end()) fail(column, "no such column");
  return table_.rows[row_][static_cast<std::size_t>(at - table_.columns.begin())];
}

double RowReader::number(std::string_view column) const {
  const auto value = maybe(column);
  if (!value) fail(column, "empty");
  return *value;
}

std::int64_t RowReader::whole(std::string_view column) const {
  const double value = number(column);
  if (value != std::floor(value)) fail(column, "not a whole number");
  return static_cast<std::int64_t>(value);
}

std::optional<double> RowReader::maybe(std::string_view column) const {
  const std::string& cell = text(column);
  if (cell.empty()) return std::nullopt;
  const auto value = try_parse_quantity(cell);
  if (!value) fail(column, "not a number");
  return value;
}

void RowReader::fail(std::string_view column, std::string_view what) const {
  throw failure(fmt::format("{}:{}: {}: {}: the built-in table is damaged; build the program again",
                            file_, table_.line_of_row[row_], column, what));
}

std::string_view published_csv(std::string_view file) {
  for (const EmbeddedFile& embedded : embedded_files()) {
    if (embedded.name == file) return embedded.text;
  }
  throw failure(fmt::format("{}: no such built-in table", file));
}

Table published_table(std::string_view file) {
  return parse_csv(published_csv(file), std::string(file));
}

}  // namespace isoflop
