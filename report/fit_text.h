// A fit in words: the answer at one budget with its intervals, the exponents, the law; then what it
// stands on, warnings, and the details that were asked for.
#ifndef ISOFLOP_REPORT_FIT_TEXT_H_
#define ISOFLOP_REPORT_FIT_TEXT_H_

#include <span>
#include <string>

#include "core/law_fit.h"
#include "report/text_table.h"

namespace isoflop {

// What a person reads first: answer, law, data, warnings, the rows it hangs on, approach 2,
// backtest. `details` adds residuals, identifiability, conventions and the choice of a form.
std::string fit_text(const LawFit& fit, bool details = false);

// Laws of several held-out sets beside each other, a row each.
TextTable law_table(std::span<const LawFit> fits);

// The parameters of any law with their intervals over the draws, a row each.
TextTable parameter_table(const LawFit& fit);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_FIT_TEXT_H_
