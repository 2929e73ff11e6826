// Approaches 1 and 2 in words and tables, and the three approaches side by side. Their warnings are
// not repeated here: a fit prints all of its warnings in one place.
#ifndef ISOFLOP_REPORT_APPROACHES_TEXT_H_
#define ISOFLOP_REPORT_APPROACHES_TEXT_H_

#include <string>

#include "core/approach_comparison.h"
#include "core/envelope_fit.h"
#include "core/isoflop_fit.h"
#include "report/text_table.h"

namespace isoflop {

// One row a budget: the three minima, their disagreement, the verdict. Budgets with too few points
// are left out: a table of scattered runs has many of them.
TextTable profile_table(const IsoflopFit& isoflop);
// Exponents by each estimator.
TextTable estimator_table(const IsoflopFit& isoflop);
// Both tables, the power law or why there is none, noise.
std::string isoflop_text(const IsoflopFit& isoflop);

// One row a size on the envelope.
TextTable envelope_table(const EnvelopeFit& envelope);
std::string envelope_text(const EnvelopeFit& envelope);

// One row an approach; a refused one shows its reason below the table.
TextTable approaches_table(const ApproachComparison& comparison);
// Table, reasons, disagreement of each pair, verdict.
std::string approaches_text(const ApproachComparison& comparison);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_APPROACHES_TEXT_H_
