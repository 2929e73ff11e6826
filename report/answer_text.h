// The answers of fit and plan in words: the first line is the answer, then assumptions, warnings
// and details. Every number comes with its interval where one is known, in natural units.
#ifndef ISOFLOP_REPORT_ANSWER_TEXT_H_
#define ISOFLOP_REPORT_ANSWER_TEXT_H_

#include <string>

#include "core/law_fit.h"
#include "core/plan.h"
#include "report/text_table.h"

namespace isoflop {

// "73.2B [60.1B, 90.4B]"; without brackets where there is no interval.
std::string interval_text(const Interval& interval, std::string (*format)(double));

// Four decimals: losses and exponents.
std::string fixed4(double value);

std::string fit_text(const LawFit& fit);
std::string plan_text(const Plan& plan);

// One row a budget: minimum, verdict.
TextTable profile_table(const IsoflopFit& isoflop);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_ANSWER_TEXT_H_
