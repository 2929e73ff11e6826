// What runs have in common, and what that does to a fit that takes them for independent.
//
// Rows of one run (a trunk's branches) have noise s e, corr(e_i, e_j) = rho^|log2(D_i / D_j)|, rows
// of different runs none: a Markov process in ln D.
//
// `widening`: what an interval that knows nothing of it has to be multiplied by, on the scale of
// ln N*. Least squares linear about the law, w_i the weight of row i in ln N*, H the hat matrix, R
// the correlations:
//
//   var(ln N*)   s^2 w^T R w,  and not  s^2 w^T w
//   s^2          sum r_i^2 / tr((I - H) R),  and not  sum r_i^2 / tr(I - H)
//
// It is the square root of both ratios together (Moulton 1986 for one common correlation).
#ifndef ISOFLOP_DESIGN_SHARED_NOISE_H_
#define ISOFLOP_DESIGN_SHARED_NOISE_H_

#include <span>

#include "core/flops.h"
#include "core/law_parameters.h"
#include "core/observation.h"

namespace isoflop {

double shared_correlation(double tokens, double other_tokens, double rho);

// At least 1; 1 where no two rows share a run.
double widening(std::span<const Observation> rows, const LawParameters& law,
                const FlopsPerToken& flops, double target_flops, double rho);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_SHARED_NOISE_H_
