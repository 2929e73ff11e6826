#include "io/table_row.h"

#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

// Why a cell is no number, as precisely as can be told.
std::string why_no_number(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    return "is beyond what a number can hold (2.2e-308 to 1.8e308)";
  }
  const std::size_t separator = text.find_first_of(",' _");
  const bool of_digits =
      !text.empty() && text.find_first_not_of("0123456789.,' _-+eE") == std::string_view::npos;
  if (of_digits && separator != std::string_view::npos) {
    const bool decimal = text[separator] == ',' && text.find(',', separator + 1) == text.npos &&
                         text.size() - separator != 4;
    return decimal ? "has a decimal comma: write a point"
                   : "has thousands separators: write the digits alone, or like 2.8B";
  }
  return "is not a finite number";
}

}  // namespace

std::string_view TableRow::text(std::size_t column) const {
  return trimmed_cell(table_.rows[row_][column]);
}

std::string TableRow::label(std::optional<std::size_t> column) const {
  return column ? std::string(text(*column)) : std::string();
}

double TableRow::positive(std::size_t column) const {
  const double value = number(column);
  if (value <= 0) fail(column, "must be above 0");
  return value;
}

std::optional<double> TableRow::maybe_number(std::optional<std::size_t> column) const {
  if (!column || text(*column).empty()) return std::nullopt;
  const double value = number(*column);
  if (value < 0) fail(*column, "must not be negative");
  return value;
}

std::int64_t TableRow::whole(std::optional<std::size_t> column) const {
  if (!column || text(*column).empty()) return 0;
  std::int64_t value = 0;
  const std::string_view cell = text(*column);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc() && end == cell.data() + cell.size()) return value;
  // pandas writes a column of whole numbers with gaps as "42.0".
  const auto number = try_parse_quantity(cell);
  if (!number || std::abs(*number) > 9e15 || *number != std::trunc(*number)) {
    fail(*column, "is not a whole number");
  }
  return static_cast<std::int64_t>(*number);
}

double TableRow::number(std::size_t column) const {
  if (text(column).empty()) fail(column, "is empty: fill it in or remove the row");
  const auto value = try_parse_quantity(text(column));
  if (!value || !std::isfinite(*value)) fail(column, why_no_number(text(column)));
  return *value;
}

void TableRow::fail(std::size_t column, const std::string& what) const {
  throw usage_error(name_ + ":" + std::to_string(line()) + ": " +
                    std::string(trimmed_cell(table_.columns[column])) + ": \"" +
                    std::string(text(column)) + "\" " + what);
}

}  // namespace isoflop
