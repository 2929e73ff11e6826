#include "forecast/forecast_data.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace isoflop {
namespace {

constexpr std::size_t kMostPoints = 400;
// The first part of what a run has seen follows no power law yet.
constexpr double kBurnIn = 0.15;
// Standard deviation of ln of a held-out loss around the run's smooth curve, beside the error that
// all share because they see the same windows.
constexpr double kHeldoutNoise = 0.005;

bool positive(double value) { return std::isfinite(value) && value > 0; }

CurveDatum datum_at(const RateTrack& track, double decay_end, double x, double loss) {
  return {.x = x,
          .log_spent = std::log(track.spent(x) / track.spent(track.end())),
          .to_decay = decay_end - track.decayed(x),
          .log_loss = std::log(loss)};
}

// Means over neighbours, so that no more than kMostPoints are left. A point's loss is the mean over
// the steps since the point before, so that it belongs to their middle.
std::vector<std::pair<double, double>> thinned(std::span<const CurvePoint> points, double from) {
  std::vector<std::pair<double, double>> places;
  double before = 0;
  if (points.size() > 1) {
    before = static_cast<double>(points[0].step) * 2 - static_cast<double>(points[1].step);
  }
  for (const CurvePoint& point : points) {
    const double step = static_cast<double>(point.step);
    const double x = (std::max(before, 0.0) + step) / 2;
    before = step;
    if (positive(point.train_loss) && x > from) places.push_back({x, point.train_loss});
  }
  const std::size_t width = (places.size() + kMostPoints - 1) / kMostPoints;
  if (width <= 1) return places;
  std::vector<std::pair<double, double>> means;
  for (std::size_t i = 0; i < places.size(); i += width) {
    const std::size_t end = std::min(i + width, places.size());
    std::pair<double, double> sum{0, 0};
    for (std::size_t k = i; k < end; ++k) {
      sum.first += places[k].first;
      sum.second += places[k].second;
    }
    const auto n = static_cast<double>(end - i);
    means.push_back({sum.first / n, sum.second / n});
  }
  return means;
}

// Where the points that count begin.
double burn_in_end(const RateTrack& track, double last) {
  const double least = kBurnIn * track.spent(last);
  double low = 0;
  double high = last;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (track.spent(middle) < least ? low : high) = middle;
  }
  return std::max(high, track.warmup_end());
}

}  // namespace

CurveData gather_curve(std::span<const CurvePoint> points, const RateTrack& track) {
  CurveData data;
  for (const CurvePoint& point : points) {
    data.last = std::max(data.last, static_cast<double>(point.step));
  }
  data.last = std::min(data.last, track.end());
  const double from = burn_in_end(track, data.last);
  const double decay_end = track.decayed(track.end());
  for (const auto& [x, loss] : thinned(points, from)) {
    data.all.push_back(datum_at(track, decay_end, x, loss));
  }
  data.train = data.all.size();
  for (const CurvePoint& point : points) {
    const double x = static_cast<double>(point.step);
    if (!point.heldout_loss || !positive(*point.heldout_loss) || x <= from) continue;
    CurveDatum datum = datum_at(track, decay_end, x, *point.heldout_loss);
    datum.heldout = true;
    datum.weight = 1 / kHeldoutNoise;
    data.all.push_back(datum);
    data.heldout_error = point.heldout_error.value_or(0) / *point.heldout_loss;
  }
  return data;
}

double white_noise(const CurveData& data) {
  std::vector<double> differences;
  for (std::size_t i = 1; i + 1 < data.train; ++i) {
    differences.push_back(data.all[i - 1].log_loss - 2 * data.all[i].log_loss +
                          data.all[i + 1].log_loss);
  }
  return robust_sd(std::move(differences)) / std::sqrt(6.0);
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double robust_sd(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  return 1.4826 * median_of(std::move(values));
}

}  // namespace isoflop
