#include "imports/source_table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/units.h"
#include "imports/json_rows.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

constexpr std::size_t kHeaderBytes = 65536;

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

// Whether a line of comment is the columns' names: the line after it has as many cells, the first
// of them a number.
bool is_commented_header(std::string_view line, std::string_view next) {
  const char separator = separator_of(line);
  const auto cells = std::count(line.begin(), line.end(), separator);
  return cells > 0 && std::count(next.begin(), next.end(), separator) == cells &&
         try_parse_quantity(next.substr(0, next.find(separator)));
}

// Comments before the columns' names as empty lines, so that the others keep their numbers.
std::string without_comments(std::string_view text) {
  std::string out;
  while (text.starts_with('#') || text.starts_with('\n') || text.starts_with('\r')) {
    const std::string_view line = first_line(text);
    const std::string_view rest = text.substr(std::min(line.size() + 1, text.size()));
    if (line.starts_with('#') && is_commented_header(line, first_line(rest))) {
      text.remove_prefix(1);
      break;
    }
    out += '\n';
    text = rest;
  }
  return out.append(text);
}

// "1", "2", ... where the first line is a row of numbers; none where it names the columns.
std::vector<std::string> numbered_columns(std::string_view text, char separator) {
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  std::string_view line = first_line(text);
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string> names;
  while (true) {
    const std::size_t end = std::min(line.find(separator), line.size());
    if (!try_parse_quantity(line.substr(0, end))) return {};
    names.push_back(std::to_string(names.size() + 1));
    if (end == line.size()) return names;
    line.remove_prefix(end + 1);
  }
}

Table separated_table(const ImportSource& source) {
  std::string_view text = source.bytes;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::string cleaned = text.starts_with('#') ? without_comments(text) : std::string();
  if (!cleaned.empty()) text = cleaned;
  const char separator = separator_of(text);
  return parse_separated(text, source.path, separator, numbered_columns(text, separator));
}

// Columns in the order in which the rows first name them.
SourceTable json_table(const ImportSource& source, bool lines) {
  SourceTable out{.path = source.path};
  const std::vector<JsonRow> rows = lines ? rows_of_json_lines(source.bytes, source.path)
                                          : rows_of_json(source.bytes, source.path);
  std::map<std::string_view, std::size_t> at;
  std::size_t cells = 0;
  for (const JsonRow& row : rows) {
    cells += row.cells.size();
    for (const auto& [name, text] : row.cells) {
      if (at.emplace(name, at.size()).second) out.table.columns.push_back(name);
    }
  }
  if (rows.size() * at.size() > 64 * cells + 1000000) {
    throw usage_error(source.path +
                      ": the rows have almost no column in common: " + std::to_string(at.size()) +
                      " columns in " + std::to_string(rows.size()) + " rows");
  }
  for (const JsonRow& row : rows) {
    std::vector<std::string>& texts = out.table.rows.emplace_back(at.size());
    for (const auto& [name, text] : row.cells) texts[at[name]] = text;
    out.table.line_of_row.push_back(row.line);
    out.json_rows.push_back(row.text);
  }
  return out;
}

}  // namespace

std::optional<std::size_t> SourceTable::column(const std::string& name) const {
  const auto found = column_at.find(name);
  return found == column_at.end() ? std::nullopt : std::optional(found->second);
}

std::string SourceTable::cell(std::size_t index, const std::string& name) const {
  return row(index).label(column(name));
}

std::string SourceTable::provenance(std::size_t index) const {
  if (!json_rows.empty()) return json_rows[index];
  std::vector<std::pair<std::string, std::string>> cells;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    cells.emplace_back(table.columns[i], table.rows[index][i]);
  }
  return text_object(cells);
}

TableKind table_kind(std::string_view bytes) {
  switch (json_shape(bytes)) {
    case JsonShape::kJson:
      return TableKind::kJson;
    case JsonShape::kJsonLines:
      return TableKind::kJsonLines;
    case JsonShape::kNone:
      break;
  }
  const std::string_view begin = bytes.substr(0, std::min<std::size_t>(bytes.size(), 4096));
  const bool text = !begin.empty() && begin.find('\0') == begin.npos &&
                    begin.find_first_of(",\t;|") != begin.npos;
  return text ? TableKind::kSeparated : TableKind::kNone;
}

SourceTable read_source_table(const ImportSource& source) {
  const JsonShape shape = json_shape(source.bytes);
  SourceTable out{.path = source.path};
  if (shape == JsonShape::kNone) {
    out.table = separated_table(source);
  } else {
    out = json_table(source, shape == JsonShape::kJsonLines);
  }
  if (out.table.rows.empty()) {
    throw usage_error(source.path + ": has no rows: a row a run is needed");
  }
  for (std::size_t i = 0; i < out.table.columns.size(); ++i) {
    out.column_at.emplace(trimmed_cell(out.table.columns[i]), i);
  }
  return out;
}

std::vector<std::string> source_columns(const ImportSource& source) {
  const TableKind kind = table_kind(source.bytes);
  if (kind == TableKind::kNone) return {};
  if (kind != TableKind::kSeparated) return first_row_names(source.bytes);
  std::string header(source.bytes.substr(0, kHeaderBytes));
  if (header.starts_with('#')) header = without_comments(header);
  header.erase(0, std::min(header.find_first_not_of("\r\n"), header.size()));
  header.erase(std::min(header.find('\n'), header.size()));
  try {
    std::vector<std::string> columns =
        parse_separated(header, source.path, separator_of(header)).columns;
    for (std::string& column : columns) column = trimmed_cell(column);
    return columns;
  } catch (const Error&) {
    return {};
  }
}

bool has_columns(const ImportSource& source, const std::vector<std::string>& names) {
  const std::vector<std::string> columns = source_columns(source);
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return std::count(columns.begin(), columns.end(), name) > 0;
  });
}

std::string text_object(const std::vector<std::pair<std::string, std::string>>& cells) {
  const auto quoted = [](const std::string& text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  std::string out = "{";
  for (const auto& [name, text] : cells) {
    out += (out.size() > 1 ? "," : "") + quoted(name) + ":" + quoted(text);
  }
  return out + "}";
}

}  // namespace isoflop
