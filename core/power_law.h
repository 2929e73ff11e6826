// y = G C^slope with its bootstrap draws: N*(C) and D*(C) of approaches 1 and 2.
//
// In logarithms, ln y = intercept + slope ln C, intercept = ln G; C in FLOP. Draws are whole lines,
// not separate intercepts and slopes, because the two are almost perfectly correlated: an interval
// at any C is the quantiles of the draws' values there.
#ifndef ISOFLOP_CORE_POWER_LAW_H_
#define ISOFLOP_CORE_POWER_LAW_H_

#include <vector>

#include "core/law_parameters.h"

namespace isoflop {

struct PowerLaw {
  double intercept = 0;
  double slope = 0;

  bool operator==(const PowerLaw&) const = default;
};

struct PowerLawFit {
  PowerLaw line;
  std::vector<PowerLaw> draws;  // empty: no uncertainty is known

  bool operator==(const PowerLawFit&) const = default;
};

double value_at(const PowerLaw& law, double flops);

// Value and central interval of the draws at `level` (0.9: 5th to 95th percentile).
Interval interval_at(const PowerLawFit& fit, double flops, double level);
Interval slope_interval(const PowerLawFit& fit, double level);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_POWER_LAW_H_
