#include "fit/forecast.h"

#include <cmath>

#include "fit/forecast_run.h"

namespace isoflop {
namespace {

// The upper quantile of the standard normal that a central interval of `level` ends at.
double normal_half_width(double level) {
  double low = 0;
  double high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < level ? low : high) = middle;
  }
  return high;
}

LossInterval interval_of(double log_loss, double variance, double half_width) {
  const double reach = half_width * std::sqrt(variance);
  return {.value = std::exp(log_loss),
          .low = std::exp(log_loss - reach),
          .high = std::exp(log_loss + reach)};
}

void fill_intervals(const RunFit& run, double level, Forecast& forecast) {
  const double half = normal_half_width(level);
  const auto& cov = run.fit.covariance;
  const double end = run.fit.theta[kEnd];
  const double variance = cov[kEnd][kEnd] + run.unseen_drift;
  forecast.train = interval_of(end, variance, half);
  if (run.data.all.size() == run.data.train) return;
  const double shared = run.data.heldout_error * run.data.heldout_error;
  forecast.heldout =
      interval_of(end + run.fit.theta[kShift],
                  variance + 2 * cov[kEnd][kShift] + cov[kShift][kShift] + shared, half);
}

}  // namespace

RateSchedule rate_schedule(const Schedule& schedule) {
  return {.steps = schedule.steps,
          .rate = [schedule](std::int64_t step) { return rate_factor(schedule, step); }};
}

Forecast forecast_final_loss(std::span<const CurvePoint> so_far, const RateSchedule& schedule,
                             const ForecastOptions& options) {
  const RunFit run = fit_run(so_far, schedule, options.prior);
  Forecast forecast{.why_not = run.why_not, .seen = run.seen};
  if (!run.why_not.empty()) return forecast;
  forecast.reliable = true;
  fill_intervals(run, options.level, forecast);
  return forecast;
}

}  // namespace isoflop
