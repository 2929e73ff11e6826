#include "fit/noise.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <utility>

#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr double kSurely = 0.01;
constexpr double kClearRatio = 1.5;
constexpr int kFewestDegrees = 3;
// Replicates of an exact loss do not scatter at all; then anything beyond rounding is lack of fit.
constexpr double kLeastNoise = 1e-9;

// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  const auto kept = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / kept(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m < 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return value;
}

// I_x(a, b), the regularised incomplete beta function.
double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front =
      a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b);
  const double front = std::exp(log_front);
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(x, a, b) / a;
  return 1 - front * beta_fraction(1 - x, b, a) / b;
}

bool same_value(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

void fill_evaluation(std::span<const Observation> observations, NoiseEstimate& noise) {
  double sum = 0;
  for (const Observation& row : observations) {
    if (!(row.loss_error > 0)) return;
    sum += std::pow(row.loss_error / row.loss, 2);
  }
  if (observations.empty()) return;
  noise.evaluation_sigma = std::sqrt(sum / static_cast<double>(observations.size()));
  // Independent errors would make the scatter at least as large, give or take its own error.
  const double scatter = noise.replicate_sigma.value_or(noise.residual_sigma);
  const int degrees = noise.replicate_sigma ? noise.replicate_degrees : noise.residual_degrees;
  const double unsure = 1 - 2 / std::sqrt(2.0 * std::max(degrees, 1));
  noise.evaluation_shared = scatter < *noise.evaluation_sigma * unsure;
}

void fill_replicates(const std::vector<std::vector<std::size_t>>& points,
                     std::span<const double> residuals, int parameters, NoiseEstimate& noise) {
  double pure = 0;
  double lack = 0;
  for (const std::vector<std::size_t>& rows : points) {
    double mean = 0;
    for (const std::size_t i : rows) mean += residuals[i] / static_cast<double>(rows.size());
    for (const std::size_t i : rows) pure += std::pow(residuals[i] - mean, 2);
    lack += static_cast<double>(rows.size()) * mean * mean;
    noise.replicated_points += rows.size() > 1 ? 1 : 0;
  }
  noise.replicate_degrees = static_cast<int>(residuals.size() - points.size());
  if (noise.replicate_degrees == 0) return;
  noise.replicate_sigma = std::sqrt(pure / noise.replicate_degrees);
  const int degrees = static_cast<int>(points.size()) - parameters;
  if (degrees <= 0) return;
  const double least = kLeastNoise * kLeastNoise;
  const double f = lack / degrees / std::max(pure / noise.replicate_degrees, least);
  noise.lack_of_fit_ratio = std::sqrt(f);
  if (degrees < kFewestDegrees || noise.replicate_degrees < kFewestDegrees) return;
  noise.lack_of_fit_p = f_tail(f, degrees, noise.replicate_degrees);
}

}  // namespace

double f_tail(double f, double numerator, double denominator) {
  return incomplete_beta(denominator / (denominator + numerator * f), denominator / 2,
                         numerator / 2);
}

std::vector<std::vector<std::size_t>> group_by_point(std::span<const Observation> observations) {
  std::vector<std::size_t> order(observations.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    return std::pair{observations[i].params, observations[i].tokens};
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  std::vector<std::vector<std::size_t>> groups;
  for (const std::size_t i : order) {
    const bool same = !groups.empty() &&
                      same_value(key(groups.back().front()).first, key(i).first) &&
                      same_value(key(groups.back().front()).second, key(i).second);
    if (!same) groups.emplace_back();
    groups.back().push_back(i);
  }
  for (auto& rows : groups) std::sort(rows.begin(), rows.end());
  std::sort(groups.begin(), groups.end(),
            [](const auto& a, const auto& b) { return a.front() < b.front(); });
  return groups;
}

NoiseEstimate estimate_noise(std::span<const Observation> observations,
                             std::span<const double> log_residuals, int parameters) {
  NoiseEstimate noise;
  double sum = 0;
  for (const double r : log_residuals) sum += r * r;
  noise.residual_degrees = std::max(static_cast<int>(log_residuals.size()) - parameters, 0);
  if (noise.residual_degrees > 0) noise.residual_sigma = std::sqrt(sum / noise.residual_degrees);
  fill_replicates(group_by_point(observations), log_residuals, parameters, noise);
  fill_evaluation(observations, noise);
  return noise;
}

NoiseEstimate estimate_noise(std::span<const Observation> observations, const LawParameters& law) {
  std::vector<double> residuals;
  for (const Observation& row : observations) {
    residuals.push_back(std::log(row.loss / predict_loss(law, row.params, row.tokens)));
  }
  return estimate_noise(observations, residuals, static_cast<int>(kLawSize));
}

std::optional<Warning> lack_of_fit(const NoiseEstimate& noise) {
  if (!noise.lack_of_fit_p || *noise.lack_of_fit_p >= kSurely) return std::nullopt;
  if (*noise.lack_of_fit_ratio <= kClearRatio) return std::nullopt;
  if (*noise.replicate_sigma < kLeastNoise) {
    return Warning{.code = "lack_of_fit",
                   .message = fmt::format(
                       "the losses miss the law by {:.2g} in ln L and their replicates do not "
                       "scatter at all: the law is wrong",
                       *noise.lack_of_fit_ratio * kLeastNoise)};
  }
  return Warning{
      .code = "lack_of_fit",
      .message = fmt::format(
          "the losses miss the law by {:.1f} times the noise of {} replicated points ({:.2g} in ln "
          "L, P = {:.1g}): the law, or the tuning of some runs, is wrong by more than chance",
          *noise.lack_of_fit_ratio, noise.replicated_points, *noise.replicate_sigma,
          *noise.lack_of_fit_p)};
}

}  // namespace isoflop
