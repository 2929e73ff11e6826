// Comparisons in words: the first line is the answer, then tables, assumptions and warnings. With
// `markdown` the tables are Markdown.
//
// The tables of numbers are for scripts: a row a law and model (a budget, a size), full precision.
#ifndef ISOFLOP_REPORT_COMPARISON_TEXT_H_
#define ISOFLOP_REPORT_COMPARISON_TEXT_H_

#include <string>

#include "core/comparison.h"
#include "report/text_table.h"

namespace isoflop {

std::string comparison_text(const ModelComparison& comparison, bool markdown = false);
std::string comparison_text(const FitComparison& comparison, bool markdown = false);
std::string comparison_text(const SizeComparison& comparison, bool markdown = false);

TextTable comparison_table(const ModelComparison& comparison);
TextTable comparison_table(const FitComparison& comparison);
TextTable comparison_table(const SizeComparison& comparison);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_COMPARISON_TEXT_H_
