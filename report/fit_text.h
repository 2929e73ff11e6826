// A fit in words: the law, its exponents with intervals, then assumptions, warnings and details.
#ifndef ISOFLOP_REPORT_FIT_TEXT_H_
#define ISOFLOP_REPORT_FIT_TEXT_H_

#include <string>

#include "core/law_fit.h"

namespace isoflop {

std::string fit_text(const LawFit& fit);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_FIT_TEXT_H_
