#include "fit/points.h"

#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

double centre(std::vector<double>& values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) /
                      static_cast<double>(std::max<std::size_t>(values.size(), 1));
  for (double& value : values) value -= mean;
  return mean;
}

}  // namespace

Points make_points(std::span<const Observation> observations) {
  Points points;
  for (const Observation& row : observations) {
    points.x.push_back(std::log(row.params));
    points.y.push_back(std::log(row.tokens));
    points.log_loss.push_back(std::log(row.loss));
    points.weight.push_back(1);
  }
  points.x_mean = centre(points.x);
  points.y_mean = centre(points.y);
  return points;
}

LawVector centred(const LawVector& theta, const Points& points) {
  LawVector out = theta;
  out[1] -= theta[3] * points.x_mean;
  out[2] -= theta[4] * points.y_mean;
  return out;
}

LawVector uncentred(const LawVector& theta, const Points& points) {
  LawVector out = theta;
  out[1] += theta[3] * points.x_mean;
  out[2] += theta[4] * points.y_mean;
  return out;
}

}  // namespace isoflop
