#include <algorithm>
#include <cstddef>

#include "core/units.h"
#include "figure/draw.h"

namespace isoflop {
namespace {

std::string quoted_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string cell_at(const std::vector<double>& values, std::size_t i) {
  return i < values.size() ? exact_number(values[i]) : "";
}

std::string axis_column(const Axis& axis, const char* otherwise) {
  if (axis.title.empty()) return otherwise;
  return axis.title + (axis.unit.empty() ? "" : " (" + axis.unit + ")");
}

void add_rows(const Panel& panel, const Series& series, std::string& out) {
  const std::size_t rows = std::max({series.x.size(), series.y.size(), series.low.size()});
  for (std::size_t i = 0; i < rows; ++i) {
    out += quoted_cell(panel.title) + ',' + quoted_cell(series.name) + ',' + cell_at(series.x, i) +
           ',' + cell_at(series.y, i) + ',' + cell_at(series.low, i) + ',' +
           cell_at(series.high, i) + ',' +
           (i < series.labels.size() ? quoted_cell(series.labels[i]) : "") + '\n';
  }
}

}  // namespace

std::string figure_csv(const Figure& figure) {
  if (figure.panels.empty()) return "panel,series,x,y,low,high,label\n";
  const Panel& first = figure.panels.front();
  bool one_x = true;
  bool one_y = true;
  for (const Panel& panel : figure.panels) {
    one_x = one_x && panel.x.title == first.x.title;
    one_y = one_y && panel.y.title == first.y.title;
  }
  std::string out = "panel,series," + quoted_cell(one_x ? axis_column(first.x, "x") : "x") + ',' +
                    quoted_cell(one_y ? axis_column(first.y, "y") : "y") + ",low,high,label\n";
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) add_rows(panel, series, out);
  }
  return out;
}

}  // namespace isoflop
