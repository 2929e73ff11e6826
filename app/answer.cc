#include "app/answer.h"

#include <algorithm>
#include <map>

#include "core/units.h"

namespace isoflop {
namespace {

void add_leaves(const Json& json, const std::string& key, TextTable& table) {
  const auto add = [&](const std::string& text) {
    table.columns.push_back(key);
    table.rows.front().push_back(text);
  };
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      add_leaves(value, key.empty() ? name : key + "." + name, table);
    }
  } else if (json.is_string()) {
    add(json.get<std::string>());
  } else if (json.is_number_float()) {
    add(exact_number(json.get<double>()));
  } else if (json.is_number() || json.is_boolean()) {
    add(json.dump());
  }
}

}  // namespace

TextTable one_row(const Json& object) {
  TextTable table{{}, {{}}};
  add_leaves(object, "", table);
  return table;
}

TextTable rows_of(const Json& objects) {
  TextTable all;
  std::vector<std::map<std::string, std::string>> rows;
  for (const Json& object : objects) {
    const TextTable row = one_row(object);
    std::map<std::string, std::string>& cells = rows.emplace_back();
    for (std::size_t i = 0; i < row.columns.size(); ++i) {
      cells[row.columns[i]] = row.rows.front()[i];
      if (std::find(all.columns.begin(), all.columns.end(), row.columns[i]) == all.columns.end()) {
        all.columns.push_back(row.columns[i]);
      }
    }
  }
  for (auto& cells : rows) {
    std::vector<std::string>& line = all.rows.emplace_back();
    for (const std::string& column : all.columns) line.push_back(cells[column]);
  }
  return all;
}

std::string answer_text(const Json& object, const OutputFormat& format) {
  if (format.json) return json_text(object);
  const TextTable row = one_row(object);
  if (format.csv) return table_text(row, format);
  TextTable lines{{"what", "value"}, {}};
  for (std::size_t i = 0; i < row.columns.size(); ++i) {
    lines.rows.push_back({row.columns[i], row.rows.front()[i]});
  }
  return markdown_text(lines);
}

bool is_asked(const OutputFormat& format) { return format.json || format.csv || format.markdown; }

}  // namespace isoflop
