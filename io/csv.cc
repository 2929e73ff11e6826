#include "io/csv.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

// Reads records of cells one after the other, counting lines.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(name), separator_(separator), ends_({separator, '\n', '\0'}) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // The next record that is not a blank line; false at the end.
  bool next(std::vector<std::string>& cells) {
    while (skip_line_end()) {
    }
    if (at_ == text_.size()) return false;
    cells.clear();
    record_line_ = line_;
    do {
      cells.push_back(peek() == '"' ? quoted() : plain());
    } while (take(separator_));
    if (at_ < text_.size() && !skip_line_end()) fail(line_, "text after a closing quote");
    return true;
  }

  std::int64_t record_line() const { return record_line_; }
  // The text ends without a line end.
  bool is_cut() const { return at_ == text_.size() && !text_.ends_with('\n'); }
  [[noreturn]] void fail(std::int64_t line, const std::string& what) const {
    throw usage_error(name_ + ":" + std::to_string(line) + ": " + what);
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool skip_line_end() {
    if (text_.substr(at_).starts_with("\r\n")) {
      ++at_;
    } else if (at_ < text_.size() && text_[at_] == '\r' && at_ + 1 == text_.size()) {
      // A lone CR can only end the last line.
    } else if (peek() != '\n') {
      return false;
    }
    ++at_;
    ++line_;
    return true;
  }

  std::string plain() {
    const size_t end = std::min(text_.find_first_of(ends_.data(), at_), text_.size());
    std::string cell(text_.substr(at_, end - at_));
    at_ = end;
    if ((at_ == text_.size() || text_[at_] == '\n') && cell.ends_with('\r')) {
      cell.pop_back();
    }
    return cell;
  }

  std::string quoted() {
    const std::int64_t opened = line_;
    ++at_;
    std::string cell;
    while (true) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) fail(opened, "a quote is opened and never closed");
      const std::string_view part = text_.substr(at_, quote - at_);
      line_ += std::count(part.begin(), part.end(), '\n');
      cell += part;
      at_ = quote + 1;
      if (!take('"')) return cell;
      cell += '"';
    }
  }

  std::string_view text_;
  const std::string& name_;
  char separator_;
  std::array<char, 3> ends_;  // of a plain cell
  size_t at_ = 0;
  std::int64_t line_ = 1;
  std::int64_t record_line_ = 1;
};

// Text that is no comma-separated UTF-8 gives one odd column; better said at once.
void check_kind(const CsvReader& reader, std::string_view text,
                const std::vector<std::string>& columns) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    reader.fail(1, "is UTF-16 text: save it as UTF-8");
  }
  const std::string& header = columns.front();
  for (const auto& [separator, what] : {std::pair(';', "semicolons"), std::pair('\t', "tabs")}) {
    if (columns.size() == 1 && header.find(separator) != std::string::npos) {
      reader.fail(reader.record_line(),
                  "the columns are separated by " + std::string(what) +
                      ": separate cells by commas (and write decimals with a point)");
    }
  }
}

void check_columns(const CsvReader& reader, const std::vector<std::string>& columns) {
  std::set<std::string_view> seen;
  for (const std::string& column : columns) {
    if (!seen.insert(column).second) {
      reader.fail(reader.record_line(), "column \"" + column + "\" is named twice");
    }
  }
}

std::string quoted_if_needed(const std::string& cell, bool only_cell) {
  const bool blank = cell.empty() && only_cell;  // else it would be a blank line
  if (!blank && cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

void append_record(const std::vector<std::string>& cells, std::string& out) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    out += quoted_if_needed(cells[i], cells.size() == 1);
  }
  out += '\n';
}

}  // namespace

Table parse_separated(std::string_view text, const std::string& name, char separator,
                      std::vector<std::string> columns) {
  CsvReader reader(text, name, separator);
  Table table{.columns = std::move(columns), .rows = {}, .line_of_row = {}};
  if (table.columns.empty() && !reader.next(table.columns)) {
    throw usage_error(name + ": is empty: the first line must name the columns");
  }
  check_kind(reader, text, table.columns);
  check_columns(reader, table.columns);
  std::vector<std::string> row;
  while (reader.next(row)) {
    if (row.size() != table.columns.size()) {
      reader.fail(reader.record_line(),
                  "has " + std::to_string(row.size()) + " cells, but there are " +
                      std::to_string(table.columns.size()) + " columns" +
                      (reader.is_cut() ? ": is the file cut short there?" : ""));
    }
    table.rows.push_back(row);
    table.line_of_row.push_back(reader.record_line());
  }
  return table;
}

Table parse_csv(std::string_view text, const std::string& name) {
  return parse_separated(text, name, ',');
}

Table read_csv(const std::string& path) { return parse_csv(read_whole_file(path), path); }

char separator_of(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  constexpr std::string_view kSeparators = ",\t;|";
  std::array<std::size_t, kSeparators.size()> count{};
  bool quoted = false;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c == '"') quoted = !quoted;
    const std::size_t which = kSeparators.find(c);
    if (!quoted && which != std::string_view::npos) ++count[which];
  }
  const auto most = std::max_element(count.begin(), count.end());
  return kSeparators[static_cast<std::size_t>(most - count.begin())];
}

std::string csv_text(const Table& table) {
  std::string out;
  append_record(table.columns, out);
  for (const auto& row : table.rows) append_record(row, out);
  return out;
}

}  // namespace isoflop
