// A plan in words: the first line is the answer with its intervals in natural units, then what it
// stands on, then warnings.
#ifndef ISOFLOP_REPORT_PLAN_TEXT_H_
#define ISOFLOP_REPORT_PLAN_TEXT_H_

#include <string>

#include "core/plan.h"

namespace isoflop {

std::string plan_text(const Plan& plan);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_PLAN_TEXT_H_
