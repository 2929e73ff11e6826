// A curve's points as a forecast's fit takes them: placed on the schedule, thinned, without the
// first part that follows no power law.
#ifndef ISOFLOP_FORECAST_FORECAST_DATA_H_
#define ISOFLOP_FORECAST_FORECAST_DATA_H_

#include <cstddef>
#include <span>
#include <vector>

#include "forecast/forecast_fit.h"
#include "forecast/forecast_schedule.h"

namespace isoflop {

struct CurveData {
  std::vector<CurveDatum> all;  // held-out ones last
  std::size_t train = 0;
  double heldout_error = 0;  // of ln L, shared by all held-out losses
  double last = 0;           // the last point's step
};

CurveData gather_curve(std::span<const CurvePoint> points, const RateTrack& track);

// Standard deviation of a point's ln L from second differences, which a smooth curve leaves alone.
// At least three training points.
double white_noise(const CurveData& data);

// `values` must not be empty.
double median_of(std::vector<double> values);

// A normal's standard deviation from the median of absolute values; not empty.
double robust_sd(std::vector<double> values);

}  // namespace isoflop

#endif  // ISOFLOP_FORECAST_FORECAST_DATA_H_
