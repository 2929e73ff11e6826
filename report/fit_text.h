// A fit in words: the law, its exponents with intervals, then assumptions, warnings and details.
#ifndef ISOFLOP_REPORT_FIT_TEXT_H_
#define ISOFLOP_REPORT_FIT_TEXT_H_

#include <string>

#include "core/law_fit.h"
#include "report/text_table.h"

namespace isoflop {

std::string fit_text(const LawFit& fit);

// One row a budget: minimum, verdict.
TextTable profile_table(const IsoflopFit& isoflop);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_FIT_TEXT_H_
