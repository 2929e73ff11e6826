// What stands below a figure beside its CSV: the numbers that people look up, as tables.
#ifndef ISOFLOP_PAGE_SECTION_EXTRAS_H_
#define ISOFLOP_PAGE_SECTION_EXTRAS_H_

#include <string>

#include "page/report_data.h"

namespace isoflop {

// HTML for the figure of that name; empty where there is nothing to add. Long tables are cut, which
// their captions say.
std::string section_extra(const std::string& figure, const ReportData& data);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_SECTION_EXTRAS_H_
