// Rates and batches in words: the answer first, then every law beside it, then the rungs that an
// own law stands on.
#ifndef ISOFLOP_REPORT_TUNE_TEXT_H_
#define ISOFLOP_REPORT_TUNE_TEXT_H_

#include <string>

#include "core/hyper_fit.h"
#include "core/tune_answer.h"
#include "report/text_table.h"

namespace isoflop {

std::string tune_text(const TuneAnswer& answer);

// A row a law; at full precision for scripts, else rounded.
TextTable tune_table(const TuneAnswer& answer, bool exact);

// The laws of rate and batch with their exponents, or why there is none; rungs; what the rule in
// use loses; warnings.
std::string hyper_fit_text(const HyperFit& fit);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_TUNE_TEXT_H_
