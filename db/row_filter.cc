#include "db/row_filter.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <set>
#include <sqlite3.h>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

struct CloseMemory {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using MemoryDatabase = std::unique_ptr<sqlite3, CloseMemory>;
using MemoryStatement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

std::string quoted_name(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string without_blanks(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// The columns of the in-memory table: the table's own and the aliases that do not collide.
struct FilterTable {
  std::vector<std::string> names;
  std::vector<const FilterAlias*> aliases;  // of the names after the table's own
};

FilterTable filter_table(const std::vector<std::string>& columns,
                         const std::vector<FilterAlias>& aliases) {
  FilterTable table;
  std::set<std::string> seen;
  for (const std::string& column : columns) {
    std::string name = without_blanks(column);
    if (name.empty()) name = "column" + std::to_string(table.names.size() + 1);
    // SQLite knows no case: of "n" and "N" the second needs another name.
    while (!seen.insert(lower_case(name)).second) name += "_2";
    table.names.push_back(name);
  }
  for (const FilterAlias& alias : aliases) {
    if (!seen.insert(lower_case(alias.name)).second) continue;
    table.names.push_back(alias.name);
    table.aliases.push_back(&alias);
  }
  return table;
}

class RowFilter {
 public:
  RowFilter(const FilterTable& table, const std::string& condition)
      : table_(table), condition_(condition) {
    sqlite3* opened = nullptr;
    const int status =
        sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    db_.reset(opened);
    if (status != SQLITE_OK) throw failure("--where: SQLite cannot open a database in memory");
    // "a" stays an error where there is no column a, instead of becoming the text 'a'.
    sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_limit(opened, SQLITE_LIMIT_COLUMN, 32767);
    sqlite3_limit(opened, SQLITE_LIMIT_VARIABLE_NUMBER, 32766);
  }

  void fill(const std::vector<std::vector<std::string>>& rows) {
    std::string columns;
    std::string marks;
    for (const std::string& name : table_.names) {
      columns += (columns.empty() ? "" : ", ") + quoted_name(name);
      marks += marks.empty() ? "?" : ", ?";
    }
    run("CREATE TABLE runs (" + columns + ")");
    run("BEGIN");
    const MemoryStatement insert = prepared("INSERT INTO runs VALUES (" + marks + ")");
    for (std::size_t i = 0; i < rows.size(); ++i) insert_row(*insert, rows[i], i);
    run("COMMIT");
  }

  std::vector<std::size_t> matching_rows() {
    sqlite3_set_authorizer(db_.get(), &only_reading, nullptr);
    // The line break ends a comment that the condition may end with.
    const MemoryStatement select =
        prepared("SELECT rowid FROM runs WHERE (" + condition_ + "\n) ORDER BY rowid");
    std::vector<std::size_t> out;
    int status = SQLITE_ROW;
    while ((status = sqlite3_step(select.get())) == SQLITE_ROW) {
      out.push_back(static_cast<std::size_t>(sqlite3_column_int64(select.get(), 0) - 1));
    }
    if (status != SQLITE_DONE) complain();
    return out;
  }

 private:
  static int only_reading(void*, int action, const char* table, const char*, const char*,
                          const char*) {
    if (action == SQLITE_SELECT || action == SQLITE_FUNCTION) return SQLITE_OK;
    if (action == SQLITE_READ && std::string_view(table) == "runs") return SQLITE_OK;
    return SQLITE_DENY;
  }

  [[noreturn]] void complain() const {
    throw usage_error("--where \"" + condition_ + "\": " + sqlite3_errmsg(db_.get()) +
                      ": give a condition such as \"N > 1e8 and D / N >= 5\" (columns: " +
                      listed(table_.names) + ")");
  }

  MemoryStatement prepared(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const int status = sqlite3_prepare_v2(db_.get(), sql.c_str(), static_cast<int>(sql.size() + 1),
                                          &statement, &tail);
    MemoryStatement out(statement);
    if (status != SQLITE_OK) complain();
    if (tail != sql.c_str() + sql.size() || !out) {
      throw usage_error("--where \"" + condition_ + "\": is more than one condition");
    }
    return out;
  }

  void run(const std::string& sql) const {
    const MemoryStatement statement = prepared(sql);
    if (sqlite3_step(statement.get()) != SQLITE_DONE) complain();
  }

  static void bind_cell(sqlite3_stmt& insert, std::size_t column, const std::string& cell) {
    const int at = static_cast<int>(column + 1);
    const std::string text = without_blanks(cell);
    if (text.empty()) {
      sqlite3_bind_null(&insert, at);
    } else if (const auto number = try_parse_quantity(text)) {
      sqlite3_bind_double(&insert, at, *number);
    } else {
      sqlite3_bind_text(&insert, at, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
  }

  void insert_row(sqlite3_stmt& insert, const std::vector<std::string>& row, std::size_t i) const {
    for (std::size_t c = 0; c < row.size(); ++c) bind_cell(insert, c, row[c]);
    for (std::size_t a = 0; a < table_.aliases.size(); ++a) {
      bind_cell(insert, row.size() + a, table_.aliases[a]->cells.at(i));
    }
    if (sqlite3_step(&insert) != SQLITE_DONE) complain();
    sqlite3_reset(&insert);
  }

  const FilterTable& table_;
  const std::string& condition_;
  MemoryDatabase db_;
};

// The parentheses around the condition must be its own: "1) OR (1" is no expression.
void check_parentheses(const std::string& condition) {
  int depth = 0;
  char quote = 0;
  for (const char c : condition) {
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"' || c == '`') quote = c;
    if (c == '[') quote = ']';
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth < 0) break;
  }
  if (depth == 0 && quote == 0) return;
  throw usage_error("--where \"" + condition + "\": parentheses or quotes are not in pairs");
}

}  // namespace

std::vector<std::size_t> rows_where(const std::vector<std::string>& columns,
                                    const std::vector<std::vector<std::string>>& rows,
                                    const std::string& condition,
                                    const std::vector<FilterAlias>& aliases) {
  if (without_blanks(condition).empty()) {
    throw usage_error("--where: the condition is empty: give one such as \"N > 1e8\"");
  }
  check_parentheses(condition);
  const FilterTable table = filter_table(columns, aliases);
  RowFilter filter(table, condition);
  filter.fill(rows);
  return filter.matching_rows();
}

}  // namespace isoflop
