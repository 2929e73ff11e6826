// Which rows of a table satisfy an SQL condition: `--where "N > 1e8 and corpus = 'c4'"`.
//
// The table goes into an SQLite database in memory (cells that are numbers by core/units.h, "2.8B"
// too, become numbers, empty cells NULL, the rest text) and the condition becomes SELECT ... WHERE.
// It may use every operator and built-in function of SQLite's expressions, and nothing else: other
// statements, subqueries on other tables, PRAGMA and ATTACH are refused by the authorizer.
//
// Columns have the table's own names (quote those with blanks: "Model Size"), case ignored. An
// alias is one more column of the caller; it gives way to a column of the same name.
//
// Errors: Error(kUsage) names the condition, SQLite's complaint and the columns.
#ifndef ISOFLOP_DB_ROW_FILTER_H_
#define ISOFLOP_DB_ROW_FILTER_H_

#include <cstddef>
#include <string>
#include <vector>

namespace isoflop {

struct FilterAlias {
  std::string name;                // "N"
  std::vector<std::string> cells;  // one a row
};

// Indices of the rows for which `condition` is true, ascending. Each row is as long as `columns`.
std::vector<std::size_t> rows_where(const std::vector<std::string>& columns,
                                    const std::vector<std::vector<std::string>>& rows,
                                    const std::string& condition,
                                    const std::vector<FilterAlias>& aliases = {});

}  // namespace isoflop

#endif  // ISOFLOP_DB_ROW_FILTER_H_
