// A fit in words: the answer at one budget with its intervals, the exponents, the law; then what it
// stands on, warnings, and the details that were asked for.
#ifndef ISOFLOP_REPORT_FIT_TEXT_H_
#define ISOFLOP_REPORT_FIT_TEXT_H_

#include <span>
#include <string>

#include "core/law_fit.h"
#include "report/text_table.h"

namespace isoflop {

struct FitTextOptions {
  bool details = false;   // residuals, identifiability, conventions and the choice of a form
  bool backtest = false;  // each hidden run beside its prediction
};

// What a person reads first: answer, law, data, warnings, the rows it hangs on, approach 2, and the
// backtest in a line.
std::string fit_text(const LawFit& fit, const FitTextOptions& options = {});

// One row a hidden run.
TextTable backtest_table(const Backtest& backtest);

// Laws of several held-out sets beside each other, a row each.
TextTable law_table(std::span<const LawFit> fits);

// The parameters of any law with their intervals over the draws, a row each.
TextTable parameter_table(const LawFit& fit);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_FIT_TEXT_H_
