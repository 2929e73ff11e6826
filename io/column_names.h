// Which column of somebody's table holds what: the fields of ColumnMap, their usual names, and the
// search for them. For the rooms that read tables.
#ifndef ISOFLOP_IO_COLUMN_NAMES_H_
#define ISOFLOP_IO_COLUMN_NAMES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/csv.h"
#include "io/observations_csv.h"

namespace isoflop {

struct ColumnField {
  std::string name;
  std::vector<std::string_view> usual;       // lower case
  std::string ColumnMap::*column = nullptr;  // null: in ColumnMap::extra under `name`
};

// Those of ColumnMap first, then the further coordinates.
const std::vector<ColumnField>& column_fields();

// "" where the map leaves the field to its usual names.
std::string column_of(const ColumnMap& map, const ColumnField& field);

// Where in the table the field lies: the column that the map names, or else the one with a usual
// name that the map does not give to another field. Throws Error(kUsage) when there are several, or
// the named one is not there.
std::optional<std::size_t> find_column(const Table& table, const std::string& name,
                                       const ColumnField& field, const ColumnMap& map);

// What the rows' losses are counted in (core/loss_unit.h), where a column "loss_unit" says it, as
// an export's does; "" where none of them does. `only`: the rows that are read. Throws
// Error(kRefused, "mixed_units") where they say two.
std::string loss_unit_in(const Table& table, const std::string& name,
                         const std::optional<std::vector<std::size_t>>& only = {});

std::string_view trimmed_cell(std::string_view text);
std::string joined_names(const std::vector<std::string>& names);

}  // namespace isoflop

#endif  // ISOFLOP_IO_COLUMN_NAMES_H_
