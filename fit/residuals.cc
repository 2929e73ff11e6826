#include "fit/residuals.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <optional>
#include <set>
#include <string>

#include "core/interval.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr double kMadToNormal = 1.4826;
constexpr double kHuberScales = 1.345;
constexpr std::size_t kLargestShown = 5;
// Two-sided, 1 % over six tests: normal quantile of 1 - 0.01 / 12.
constexpr double kTrendT = 3.14;
constexpr double kTrendSpan = 0.5;  // of the scatter

std::vector<double> logs_of(std::span<const Observation> rows,
                            double (*value)(const Observation&)) {
  std::vector<double> out;
  for (const Observation& row : rows) out.push_back(std::log(value(row)));
  return out;
}

// Zero mean, unit variance; empty when fewer than 4 values are distinct.
std::vector<double> standardised(std::vector<double> x) {
  if (std::set<double>(x.begin(), x.end()).size() < 4) return {};
  const double n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double variance = 0;
  for (const double value : x) variance += (value - mean) * (value - mean) / n;
  if (!(variance > 1e-18)) return {};
  for (double& value : x) value = (value - mean) / std::sqrt(variance);
  return x;
}

// Weighted least squares of r on 1, z, z^2; the weights keep wild rows from making a trend.
std::optional<ResidualTrend> trend_of(const std::string& against, const std::vector<double>& z,
                                      const std::vector<double>& r, double scale) {
  if (z.empty() || z.size() < 6 || !(scale > 0)) return std::nullopt;
  const double limit = kHuberScales * scale;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Matrix3d spread = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double w = std::min(1.0, limit / std::max(std::abs(r[i]), 1e-300));
    const Eigen::Vector3d column(1, z[i], z[i] * z[i]);
    normal += w * column * column.transpose();
    spread += w * r[i] * w * r[i] * column * column.transpose();
    right += w * r[i] * column;
  }
  const Eigen::LDLT<Eigen::Matrix3d> factors(normal);
  if (factors.info() != Eigen::Success || !(factors.rcond() > 1e-12)) return std::nullopt;
  const Eigen::Vector3d c = factors.solve(right);
  const Eigen::Matrix3d inverse = factors.solve(Eigen::Matrix3d::Identity());
  const Eigen::Matrix3d covariance = inverse * spread * inverse;
  return ResidualTrend{.against = against,
                       .slope = c[1],
                       .slope_t = c[1] / std::sqrt(covariance(1, 1)),
                       .curvature = c[2],
                       .curvature_t = c[2] / std::sqrt(covariance(2, 2))};
}

std::vector<ResidualRow> largest_rows(std::span<const Observation> rows,
                                      const std::vector<double>& r, double scale) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return std::abs(r[a]) > std::abs(r[b]); });
  order.resize(std::min(order.size(), kLargestShown));
  std::vector<ResidualRow> out;
  for (const std::size_t i : order) {
    out.push_back({.row = rows[i].row,
                   .trial = rows[i].trial,
                   .params = rows[i].params,
                   .tokens = rows[i].tokens,
                   .loss = rows[i].loss,
                   .residual = r[i],
                   .scaled = scale > 0 ? r[i] / scale : 0});
  }
  return out;
}

std::string words_of(const std::string& coordinate) {
  return coordinate == "params" ? "N" : coordinate == "tokens" ? "D" : "C";
}

}  // namespace

std::vector<double> log_residuals(const LawParameters& law,
                                  std::span<const Observation> observations) {
  std::vector<double> out;
  for (const Observation& row : observations) {
    out.push_back(std::log(row.loss / predict_loss(law, row.params, row.tokens)));
  }
  return out;
}

Residuals study_residuals(const LawParameters& law, std::span<const Observation> observations) {
  Residuals out;
  if (observations.empty()) return out;
  const std::vector<double> r = log_residuals(law, observations);
  std::vector<double> sizes;
  for (const double value : r) {
    sizes.push_back(std::abs(value));
    out.rms += value * value / static_cast<double>(r.size());
  }
  out.rms = std::sqrt(out.rms);
  out.scale = kMadToNormal * quantile(sizes, 0.5);
  const auto add = [&](const char* name, double (*value)(const Observation&)) {
    const auto trend = trend_of(name, standardised(logs_of(observations, value)), r, out.scale);
    if (trend) out.trends.push_back(*trend);
  };
  add("params", [](const Observation& o) { return o.params; });
  add("tokens", [](const Observation& o) { return o.tokens; });
  add("flops", [](const Observation& o) { return o.flops > 0 ? o.flops : o.params * o.tokens; });
  out.largest = largest_rows(observations, r, out.scale);
  return out;
}

std::vector<Warning> warnings_of(const Residuals& residuals) {
  std::string seen;
  for (const ResidualTrend& trend : residuals.trends) {
    const auto matters = [&](double size, double t) {
      return std::abs(t) > kTrendT && 2 * std::abs(size) > kTrendSpan * residuals.scale;
    };
    const std::string name = words_of(trend.against);
    const char* join = seen.empty() ? "" : "; ";
    if (matters(trend.curvature, trend.curvature_t)) {
      seen += fmt::format("{}against ln {} they bend {} (t = {:.1f})", join, name,
                          trend.curvature > 0 ? "up at both ends" : "down at both ends",
                          trend.curvature_t);
    } else if (matters(trend.slope, trend.slope_t)) {
      seen += fmt::format("{}against ln {} they {} (t = {:.1f})", join, name,
                          trend.slope > 0 ? "rise" : "fall", trend.slope_t);
    }
  }
  if (seen.empty()) return {};
  return {{.code = "residual_trend",
           .message = fmt::format("the residuals are not noise alone: {}; the law's form is off "
                                  "there, and its intervals do not know",
                                  seen)}};
}

}  // namespace isoflop
