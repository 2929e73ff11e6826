// Anybody's table as text cells, each row with what it looked like: CSV, TSV and the like, JSON,
// JSON Lines.
//
// Separated text: the separator is that of the first line (comma, tab, semicolon, bar), lines
// before the columns' names that begin with # are comments, and a first line of nothing but
// numbers means that the columns have no names: they are then "1", "2", ...
//
// Errors: those of io/csv.h and imports/json_rows.h; a table without rows; one whose rows have
// almost no column in common.
#ifndef ISOFLOP_IMPORTS_SOURCE_TABLE_H_
#define ISOFLOP_IMPORTS_SOURCE_TABLE_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imports/import_runs.h"
#include "io/csv.h"
#include "io/table_row.h"

namespace isoflop {

enum class TableKind { kNone, kSeparated, kJson, kJsonLines };

struct SourceTable {
  std::string path;
  Table table;
  std::vector<std::string> json_rows;            // as they stood; empty for separated text
  std::map<std::string, std::size_t> column_at;  // by trimmed name

  std::optional<std::size_t> column(const std::string& name) const;
  TableRow row(std::size_t index) const { return {table, path, index}; }
  // The cell, trimmed; "" where there is no such column.
  std::string cell(std::size_t index, const std::string& name) const;
  // The row as it stood, as a JSON object: cells of separated text as strings.
  std::string provenance(std::size_t index) const;
};

// By the first characters alone.
TableKind table_kind(std::string_view bytes);

SourceTable read_source_table(const ImportSource& source);

// The columns' names, or none where they cannot be read. Quick and without exceptions, for
// recognising a format.
std::vector<std::string> source_columns(const ImportSource& source);
bool has_columns(const ImportSource& source, const std::vector<std::string>& names);

// A JSON object of names and texts.
std::string text_object(const std::vector<std::pair<std::string, std::string>>& cells);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_SOURCE_TABLE_H_
