// What the design of the runs can tell about the law, whatever their losses.
//
// The Jacobian J has a row d ln L / d theta for each run, theta = (ln E, ln A, ln B, alpha, beta).
// Its condition number as it stands says how far A and B, alpha and beta trade off; centred in ln N
// and ln D with columns of length 1, what no change of coordinates can mend. Standard errors are
// those of a median-like estimator under the residuals' own scatter: sd x sqrt(pi / 2) x sqrt(diag
// (J'J)^-1) (a Huber delta below the noise is nearly least absolute values).
#ifndef ISOFLOP_FIT_IDENTIFIABILITY_H_
#define ISOFLOP_FIT_IDENTIFIABILITY_H_

#include <span>
#include <vector>

#include "core/diagnostics.h"
#include "core/observation.h"

namespace isoflop {

// `budget`: the compute that the law will be asked about.
Identifiability study_identifiability(const LawParameters& law,
                                      std::span<const Observation> observations, double budget);

//   few_budgets         C of the rows spans less than a factor of 10, or there are two budgets
//   ladder              ln N and ln D rise together (correlation above 0.98): N and D cannot be
//                       told apart
//   narrow_ratio        D / N spans less than a factor of 4
//   ill_conditioned     condition_scaled above 1e4
//   exponent_at_bound   alpha or beta below 0.02 or above 1.5
//   exponent_unsure     its standard error is above a third of alpha or beta
//   far_extrapolation   budget over 1,000 times the largest C
//   ratio_outside       D* / N* at the budget lies outside the range of D / N by more than 2
std::vector<Warning> warnings_of(const Identifiability& identifiability, const LawParameters& law,
                                 double optimal_tokens_per_param);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_IDENTIFIABILITY_H_
