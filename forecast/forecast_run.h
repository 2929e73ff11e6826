// The law fitted to one run, finished or not: what a forecast and a prior have in common.
//
// Three passes, since the noise and the clock of the drift (forecast_fit.h) come from a fit
// themselves.
#ifndef ISOFLOP_FORECAST_FORECAST_RUN_H_
#define ISOFLOP_FORECAST_FORECAST_RUN_H_

#include <span>
#include <string>

#include "forecast/forecast_data.h"

namespace isoflop {

struct RunFit {
  std::string why_not = {};  // empty when `fit` is usable
  CurveData data = {};
  CurveFit fit = {};
  double unseen_drift = 0;  // variance of ln L that the law's own error adds until the end
  double seen = 0;          // part of the schedule's steps
};

RunFit fit_run(std::span<const CurvePoint> points, const RateSchedule& schedule,
               const ForecastPrior& prior);

}  // namespace isoflop

#endif  // ISOFLOP_FORECAST_FORECAST_RUN_H_
