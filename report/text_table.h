// Tables for people: aligned columns for a terminal, or Markdown.
//
// Cells are text already. A column whose cells all begin like numbers is aligned to the right.
// Widths count code points, so that "±" takes one column.
#ifndef ISOFLOP_REPORT_TEXT_TABLE_H_
#define ISOFLOP_REPORT_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace isoflop {

struct TextTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // each as long as `columns`
};

std::string aligned_text(const TextTable& table);
std::string markdown_text(const TextTable& table);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_TEXT_TABLE_H_
