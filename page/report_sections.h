// The sections of the report around its figures: the answer, the checklist, and where all of it
// comes from. Each is a whole <section>.
#ifndef ISOFLOP_PAGE_REPORT_SECTIONS_H_
#define ISOFLOP_PAGE_REPORT_SECTIONS_H_

#include <string>

#include "page/report_data.h"
#include "page/report_page.h"

namespace isoflop {

// Opens with the sentence, the numbers and the "answer" figure; then the warnings that change it,
// or why there is no answer. `figure` may be null.
std::string answer_section(const ReportData& data, const DrawnFigure* figure);

// A figure under its heading: what it shows in a sentence, the drawing, tables, its CSV.
std::string figure_section(const ReportData& data, const DrawnFigure& drawn);

std::string checklist_section(const ReportData& data);

// Command, version, hashes, the law to its last digit, what was left out, imports.
std::string origin_section(const ReportData& data);

// The drawing or why there is none, caption and CSV, without a heading.
std::string figure_block(const DrawnFigure& drawn);

// "Mon 23 Nov 2026 15:04 UTC"
std::string moment_text(double unix_seconds);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_REPORT_SECTIONS_H_
