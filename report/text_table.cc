#include "report/text_table.h"

#include <algorithm>

namespace isoflop {
namespace {

size_t display_width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // not a UTF-8 continuation byte
  }));
}

bool looks_numeric(const std::string& cell) {
  return cell.empty() || cell == "-" || (cell[0] >= '0' && cell[0] <= '9') ||
         ((cell[0] == '-' || cell[0] == '+') && cell.size() > 1 && cell[1] >= '0' &&
          cell[1] <= '9');
}

struct Column {
  size_t width = 0;
  bool right = true;
};

std::vector<Column> measure(const TextTable& table) {
  std::vector<Column> columns(table.columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    columns[c].width = display_width(table.columns[c]);
    for (const auto& row : table.rows) {
      columns[c].width = std::max(columns[c].width, display_width(row[c]));
      columns[c].right = columns[c].right && looks_numeric(row[c]);
    }
  }
  return columns;
}

std::string padded(const std::string& cell, const Column& column) {
  const std::string space(column.width - display_width(cell), ' ');
  return column.right ? space + cell : cell + space;
}

std::string joined(const std::vector<std::string>& cells, const std::vector<Column>& columns,
                   const std::string& separator) {
  std::string line;
  for (size_t c = 0; c < cells.size(); ++c) {
    if (c > 0) line += separator;
    line += padded(cells[c], columns[c]);
  }
  return line;
}

}  // namespace

std::string aligned_text(const TextTable& table) {
  const auto columns = measure(table);
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = joined(cells, columns, "  ");
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  };
  std::string out = line(table.columns);
  for (const auto& row : table.rows) out += line(row);
  return out;
}

std::string markdown_text(const TextTable& table) {
  const auto columns = measure(table);
  const auto line = [&](const std::vector<std::string>& cells) {
    return "| " + joined(cells, columns, " | ") + " |\n";
  };
  std::string rule = "|";
  for (const Column& column : columns) {
    rule += std::string(column.width + 1, '-') + (column.right ? ":|" : "-|");
  }
  std::string out = line(table.columns) + rule + '\n';
  for (const auto& row : table.rows) out += line(row);
  return out;
}

}  // namespace isoflop
