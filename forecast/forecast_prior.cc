#include <array>
#include <cmath>
#include <vector>

#include "forecast/forecast.h"
#include "forecast/forecast_run.h"

namespace isoflop {
namespace {

// A finished curve is fitted under a prior that is this much wider, so that it speaks for itself.
constexpr double kWidening = 3;

struct Estimate {
  double value = 0, variance = 0;
};

// Mean and predictive spread over curves, `base` counting as one of them.
LogNormal pooled(const LogNormal& base, const std::vector<Estimate>& estimates) {
  if (estimates.empty()) return base;
  const double between = base.sd * base.sd / 4;
  double weights = 1 / (base.sd * base.sd);
  double sum = weights * base.center;
  for (const Estimate& e : estimates) {
    weights += 1 / (between + e.variance);
    sum += e.value / (between + e.variance);
  }
  const double center = sum / weights;
  double squares = base.sd * base.sd;
  for (const Estimate& e : estimates) squares += (e.value - center) * (e.value - center);
  const double spread = squares / static_cast<double>(estimates.size() + 1);
  return {.center = center, .sd = std::sqrt(std::min(spread, base.sd * base.sd) + 1 / weights)};
}

}  // namespace

// Between two kinds of runs that differ in nearly everything: 25M to 400M parameters at half a
// million tokens a batch (Luo et al. 2025: alpha 0.47, pace 0.038, gain 0.046) and 10k to 115k at a
// few hundred (the demo: 0.69, 0.048, 0.15). The spreads reach from the one to the other.
ForecastPrior default_forecast_prior() {
  return {.alpha = {.center = std::log(0.55), .sd = 0.35},
          .pace = {.center = std::log(0.042), .sd = 0.35},
          .gain = {.center = std::log(0.08), .sd = 0.6}};
}

ForecastPrior learn_prior(std::span<const FinishedCurve> family, const ForecastPrior& base) {
  ForecastPrior wide = base;
  for (LogNormal* normal : {&wide.alpha, &wide.pace, &wide.gain}) normal->sd *= kWidening;
  std::array<std::vector<Estimate>, 3> estimates;
  for (const FinishedCurve& curve : family) {
    const RunFit run = fit_run(curve.points, curve.schedule, wide);
    if (!run.why_not.empty()) continue;
    for (std::size_t p = 0; p < estimates.size(); ++p) {
      const std::size_t k = kLogAlpha + p;
      estimates[p].push_back({.value = run.fit.theta[k], .variance = run.fit.covariance[k][k]});
    }
  }
  return {.alpha = pooled(base.alpha, estimates[0]),
          .pace = pooled(base.pace, estimates[1]),
          .gain = pooled(base.gain, estimates[2])};
}

}  // namespace isoflop
