#include "core/power_law.h"

#include <cmath>

#include "core/interval.h"

namespace isoflop {

double value_at(const PowerLaw& law, double flops) {
  return std::exp(law.intercept + law.slope * std::log(flops));
}

Interval interval_at(const PowerLawFit& fit, double flops, double level) {
  std::vector<double> values;
  values.reserve(fit.draws.size());
  for (const PowerLaw& draw : fit.draws) values.push_back(value_at(draw, flops));
  return interval_over(value_at(fit.line, flops), std::move(values), level);
}

Interval slope_interval(const PowerLawFit& fit, double level) {
  std::vector<double> slopes;
  slopes.reserve(fit.draws.size());
  for (const PowerLaw& draw : fit.draws) slopes.push_back(draw.slope);
  return interval_over(fit.line.slope, std::move(slopes), level);
}

}  // namespace isoflop
