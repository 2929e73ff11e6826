// Suggested runs and judged grids in words.
#ifndef ISOFLOP_REPORT_DESIGN_TEXT_H_
#define ISOFLOP_REPORT_DESIGN_TEXT_H_

#include <string>

#include "core/design_answer.h"
#include "report/text_table.h"

namespace isoflop {

std::string suggestions_text(const Suggestions& suggestions);
// One row a run; `exact` for machines.
TextTable suggestions_table(const Suggestions& suggestions, bool exact);
// `law` is the one taken for true.
std::string planned_grid_text(const PlannedGridAnswer& answer, const std::string& law);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_DESIGN_TEXT_H_
