#include <algorithm>
#include <string>

#include "page/html.h"
#include "page/report_sections.h"
#include "page/section_extras.h"

namespace isoflop {
namespace {

std::string csv_fold(const DrawnFigure& drawn) {
  const std::string& name = drawn.figure.name;
  const auto lines = std::count(drawn.csv.begin(), drawn.csv.end(), '\n');
  if (lines < 2) return "";  // a header alone
  const std::string id = escaped(name) + "-csv";
  return fold("Data behind it: CSV, " + std::to_string(lines - 1) + " rows",
              "<p><a download=\"" + escaped(name) + ".csv\" href=\"data:text/csv;charset=utf-8," +
                  percent_encoded(drawn.csv) + "\">Save " + escaped(name) +
                  ".csv</a></p>\n<pre tabindex=\"0\" aria-label=\"CSV of " +
                  escaped(drawn.figure.title) + "\">" + escaped(drawn.csv) + "</pre>\n",
              id);
}

}  // namespace

std::string figure_block(const DrawnFigure& drawn) {
  const Figure& figure = drawn.figure;
  if (figure.empty() || drawn.svg.empty()) {
    return "<p class=\"empty\">" + escaped(figure.why_empty) + "</p>\n";
  }
  return "<figure id=\"" + escaped(figure.name) +
         "-figure\">\n<div class=\"scroll\" role=\"region\" "
         "tabindex=\"0\" aria-label=\"" +
         escaped(figure.title) + ", the drawing\">\n" + drawn.svg + "\n</div>\n<figcaption>" +
         escaped(figure.caption) + "</figcaption>\n</figure>\n" + csv_fold(drawn);
}

std::string figure_section(const ReportData& data, const DrawnFigure& drawn) {
  const Figure& figure = drawn.figure;
  const std::string id = escaped(figure.name);
  const std::string says =
      figure.empty() ? "" : "<p class=\"says\">" + escaped(figure.alt) + "</p>\n";
  return "<section id=\"" + id + "\" aria-labelledby=\"" + id + "-title\">\n<h2 id=\"" + id +
         "-title\">" + escaped(figure.title) + "</h2>\n" + says + figure_block(drawn) +
         section_extra(figure.name, data) + "</section>\n";
}

}  // namespace isoflop
