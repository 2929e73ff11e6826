// The fit behind a forecast: five parameters and a drift, robust residuals in ln L.
//
//   ln L(x) = end + ln[1 + pace (s^-alpha - 1) / alpha + gain (D_end - D(x))] + drift(x)
//             (+ shift for held-out losses)
//
// `end`, the forecast, is a parameter itself, so that its error comes with the fit. The law is not
// exact: the further back a point lies, the less it says about the end. So the curve may drift away
// from the law as it goes back from the last point, where the drift is 0: a random walk whose
// variance grows with `clock`, piecewise linear between kDriftKnots knots. Its unseen part, from
// now to the end, belongs to the forecast's error.
#ifndef ISOFLOP_FORECAST_FORECAST_FIT_H_
#define ISOFLOP_FORECAST_FORECAST_FIT_H_

#include <array>
#include <vector>

#include "forecast/forecast.h"

namespace isoflop {

// What a forecast's fit knows of one measured loss.
struct CurveDatum {
  double x = 0;          // steps
  double log_spent = 0;  // ln s
  double to_decay = 0;   // D_end - D
  double clock = 0;      // variance of the drift between here and the last point
  double log_loss = 0;
  double weight = 1;  // 1 / standard deviation of ln L
  bool heldout = false;
};

enum CurveParameter { kEnd, kLogAlpha, kLogPace, kLogGain, kShift, kCurveParameters };
using CurveVector = std::array<double, kCurveParameters>;

inline constexpr int kDriftKnots = 8;

struct CurveFit {
  bool usable = false;
  CurveVector theta{};
  std::array<double, kDriftKnots> drift{};  // at equal distances of the clock, the first not at 0
  double drift_spacing = 0;
  std::array<CurveVector, kCurveParameters> covariance{};  // Laplace's, the drift integrated out
};

// ln L without the drift and, if wanted, its gradient; NaN where the law has no positive loss.
double curve_log_loss(const CurveVector& theta, const CurveDatum& at, CurveVector* gradient);

// ln L with the drift.
double fitted_log_loss(const CurveFit& fit, const CurveDatum& at);

// Starts at the centres of the prior and at ln L_end = start_end.
CurveFit fit_curve(const std::vector<CurveDatum>& data, const ForecastPrior& prior,
                   double start_end);

}  // namespace isoflop

#endif  // ISOFLOP_FORECAST_FORECAST_FIT_H_
