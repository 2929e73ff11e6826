#include "fit/valley_noise.h"

#include <Eigen/Core>
#include <Eigen/LU>
#include <cmath>
#include <map>

namespace isoflop {
namespace {

constexpr int kFewestNoiseDegrees = 3;

struct SquareSum {
  double sum = 0;
  int count = 0;

  double root_mean() const { return count > 0 ? std::sqrt(sum / count) : 0; }
};

SquareSum replicate_squares(std::span<const Observation> rows,
                            std::span<const BudgetGroup> groups) {
  SquareSum out;
  for (const BudgetGroup& group : groups) {
    std::map<double, std::vector<double>> by_size;
    for (const std::size_t i : group.rows) {
      by_size[rows[i].params].push_back(std::log(rows[i].loss));
    }
    for (const auto& [size, losses] : by_size) {
      double mean = 0;
      for (const double y : losses) mean += y / static_cast<double>(losses.size());
      for (const double y : losses) out.sum += (y - mean) * (y - mean);
      out.count += static_cast<int>(losses.size()) - 1;
    }
  }
  return out;
}

// The square of a divided difference over points first .. first + order, in units in which its
// expectation is the variance of one row.
double contrast_square(const Valley& v, std::size_t first, std::size_t order) {
  double value = 0;
  double norm = 0;
  for (std::size_t i = first; i <= first + order; ++i) {
    double weight = 1;
    for (std::size_t j = first; j <= first + order; ++j) {
      if (j != i) weight /= v.log_params[i] - v.log_params[j];
    }
    value += weight * v.log_loss[i];
    norm += weight * weight / v.rows[i];
  }
  return value * value / norm;
}

SquareSum residual_squares(std::span<const Valley> valleys) {
  SquareSum out;
  for (const Valley& valley : valleys) {
    if (valley.size() < 4) continue;
    const std::size_t order = valley.size() == 4 ? 3 : 4;
    const ValleyWindow window =
        window_around_lowest(valley.log_params, valley.log_loss, kNoiseReach, kNoiseRise);
    for (std::size_t i = window.first; i + order < window.last; ++i) {
      out.sum += contrast_square(valley, i, order);
      ++out.count;
    }
  }
  return out;
}

// Root mean square of the rows' standard errors of ln L; 0 where one has none.
double stated_error(std::span<const Observation> rows) {
  SquareSum out;
  for (const Observation& row : rows) {
    if (!(row.loss_error > 0)) return 0;
    out.sum += row.loss_error * row.loss_error / (row.loss * row.loss);
    ++out.count;
  }
  return out.root_mean();
}

}  // namespace

ValleyNoise noise_of(std::span<const Observation> observations, std::span<const BudgetGroup> groups,
                     std::span<const Valley> valleys) {
  const SquareSum replicates = replicate_squares(observations, groups);
  if (replicates.count >= kFewestNoiseDegrees) {
    return {.sigma = replicates.root_mean(), .source = "replicates", .degrees = replicates.count};
  }
  const SquareSum residuals = residual_squares(valleys);
  const double stated = stated_error(observations);
  if (stated > 0 && stated >= residuals.root_mean()) {
    return {.sigma = stated, .source = "loss_error", .degrees = 0};
  }
  if (residuals.count == 0) return {};
  return {.sigma = residuals.root_mean(), .source = "residuals", .degrees = residuals.count};
}

double curvature_ratio(const Valley& v, double sigma) {
  const ValleyWindow window =
      window_around_lowest(v.log_params, v.log_loss, kNoiseReach, kNoiseRise);
  double centre = 0;
  for (std::size_t i = window.first; i < window.last; ++i) {
    centre += v.log_params[i] / static_cast<double>(window.size());
  }
  Eigen::Matrix3d matrix = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (std::size_t i = window.first; i < window.last; ++i) {
    const double u = v.log_params[i] - centre;
    const Eigen::Vector3d row(1, u, u * u);
    matrix += v.rows[i] * row * row.transpose();
    right += v.rows[i] * row * v.log_loss[i];
  }
  const Eigen::Matrix3d inverse = matrix.inverse();
  return (inverse * right)[2] / (sigma * std::sqrt(inverse(2, 2)));
}

}  // namespace isoflop
