// Intervals as quantiles over bootstrap draws: level 0.9 is the 5th to the 95th percentile.
#ifndef ISOFLOP_CORE_INTERVAL_H_
#define ISOFLOP_CORE_INTERVAL_H_

#include <vector>

#include "core/law_fit.h"

namespace isoflop {

// Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996). `values` must not
// be empty and must have no NaN; infinities are allowed. 0 <= p <= 1.
double quantile(std::vector<double> values, double p);

// `value` with the central interval of `draws`; without draws low and high stay absent.
Interval interval_over(double value, std::vector<double> draws, double level);

// Exponents of N* ~ C^a and D* ~ C^b (under 6 N D), with their intervals over fit.draws.
Interval exponent_a(const LawFit& fit);
Interval exponent_b(const LawFit& fit);

// E, the loss that no model of the family falls below, with its interval over fit.draws.
Interval asymptote(const LawFit& fit);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_INTERVAL_H_
