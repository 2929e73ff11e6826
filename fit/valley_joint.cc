#include "fit/valley_joint.h"

#include <array>
#include <cmath>
#include <vector>

namespace isoflop {
namespace {

constexpr double kSmallestExponent = 0.02;
constexpr double kLargestExponent = 1.5;
constexpr double kExponentStep = 0.04;

struct JointPoint {
  double x = 0;  // ln N - x_mean
  double y = 0;  // ln D - y_mean
  double loss = 0;
  double weight = 0;
  std::size_t valley = 0;
};

struct JointData {
  std::vector<JointPoint> points;
  std::vector<double> total_weight;  // by valley
  double x_mean = 0;
  double y_mean = 0;
};

struct Projection {
  double squares = INFINITY;  // what is left of the weighted sum of squares
  double A = 0;               // of the centred logarithms
  double B = 0;
};

JointData joint_data(std::span<const Valley> valleys) {
  JointData data;
  for (std::size_t k = 0; k < valleys.size(); ++k) {
    const Valley& v = valleys[k];
    const ValleyWindow window =
        window_around_lowest(v.log_params, v.log_loss, kJointReach, kJointRise);
    data.total_weight.push_back(0);
    for (std::size_t i = window.first; i < window.last; ++i) {
      const double loss = std::exp(v.log_loss[i]);
      const double weight = v.rows[i] / (loss * loss);
      data.points.push_back({v.log_params[i], v.log_tokens[i], loss, weight, k});
      data.total_weight[k] += weight;
    }
  }
  const auto n = static_cast<double>(data.points.size());
  for (const JointPoint& p : data.points) data.x_mean += p.x / n, data.y_mean += p.y / n;
  for (JointPoint& p : data.points) p.x -= data.x_mean, p.y -= data.y_mean;
  return data;
}

// Each valley's weighted mean taken away.
std::vector<double> without_levels(const JointData& data, std::vector<double> values) {
  std::vector<double> level(data.total_weight.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const JointPoint& p = data.points[i];
    level[p.valley] += p.weight / data.total_weight[p.valley] * values[i];
  }
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= level[data.points[i].valley];
  return values;
}

std::vector<double> loss_column(const JointData& data) {
  std::vector<double> out;
  for (const JointPoint& p : data.points) out.push_back(p.loss);
  return without_levels(data, std::move(out));
}

std::vector<double> power_column(const JointData& data, double JointPoint::*member,
                                 double exponent) {
  std::vector<double> out;
  out.reserve(data.points.size());
  for (const JointPoint& p : data.points) out.push_back(std::exp(-exponent * (p.*member)));
  return without_levels(data, std::move(out));
}

Projection project(const JointData& data, const std::vector<double>& u,
                   const std::vector<double>& v, const std::vector<double>& r) {
  double uu = 0, uv = 0, vv = 0, ur = 0, vr = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    const double w = data.points[i].weight;
    uu += w * u[i] * u[i], uv += w * u[i] * v[i], vv += w * v[i] * v[i];
    ur += w * u[i] * r[i], vr += w * v[i] * r[i];
  }
  const double determinant = uu * vv - uv * uv;
  if (!(determinant > 1e-14 * uu * vv)) return {};
  Projection out{.A = (vv * ur - uv * vr) / determinant, .B = (uu * vr - uv * ur) / determinant};
  if (!(out.A > 0 && out.B > 0)) return {};
  out.squares = 0;  // summed afresh: the difference of sums would cancel
  for (std::size_t i = 0; i < r.size(); ++i) {
    const double left = r[i] - out.A * u[i] - out.B * v[i];
    out.squares += data.points[i].weight * left * left;
  }
  return out;
}

struct ExponentPair {
  double alpha = 0;
  double beta = 0;
  Projection projection;
};

ExponentPair best_on_grid(const JointData& data, const std::vector<double>& r) {
  std::vector<double> exponents;
  for (double e = kSmallestExponent; e <= kLargestExponent; e += kExponentStep) {
    exponents.push_back(e);
  }
  std::vector<std::vector<double>> v;
  for (const double beta : exponents) v.push_back(power_column(data, &JointPoint::y, beta));
  ExponentPair best;
  for (const double alpha : exponents) {
    const std::vector<double> u = power_column(data, &JointPoint::x, alpha);
    for (std::size_t k = 0; k < exponents.size(); ++k) {
      const Projection found = project(data, u, v[k], r);
      if (found.squares < best.projection.squares) best = {alpha, exponents[k], found};
    }
  }
  return best;
}

bool allowed(double exponent) {
  return exponent >= kSmallestExponent && exponent <= kLargestExponent;
}

ExponentPair best_neighbour(const JointData& data, const std::vector<double>& r,
                            const ExponentPair& from, double step) {
  std::array<std::vector<double>, 3> v;
  for (std::size_t j = 0; j < 3; ++j) {
    const double beta = from.beta + (static_cast<double>(j) - 1) * step;
    if (allowed(beta)) v[j] = power_column(data, &JointPoint::y, beta);
  }
  ExponentPair best = from;
  for (std::size_t i = 0; i < 3; ++i) {
    const double alpha = from.alpha + (static_cast<double>(i) - 1) * step;
    if (!allowed(alpha)) continue;
    const std::vector<double> u = power_column(data, &JointPoint::x, alpha);
    for (std::size_t j = 0; j < 3; ++j) {
      if (v[j].empty()) continue;
      const Projection found = project(data, u, v[j], r);
      const double beta = from.beta + (static_cast<double>(j) - 1) * step;
      if (found.squares < best.projection.squares) best = {alpha, beta, found};
    }
  }
  return best;
}

// Pattern search: well-conditioned and two-dimensional, so that halving the step is enough.
ExponentPair refined(const JointData& data, const std::vector<double>& r, ExponentPair best,
                     double smallest_step) {
  constexpr int kMostMoves = 400;
  double step = kExponentStep;
  for (int move = 0; move < kMostMoves && step > smallest_step; ++move) {
    const ExponentPair next = best_neighbour(data, r, best, step);
    if (next.alpha == best.alpha && next.beta == best.beta) step *= 0.5;
    best = next;
  }
  return best;
}

JointValleys joint_of(const JointData& data, const ExponentPair& best) {
  return {.alpha = best.alpha,
          .beta = best.beta,
          .log_A = std::log(best.projection.A) + best.alpha * data.x_mean,
          .log_B = std::log(best.projection.B) + best.beta * data.y_mean};
}

// The same points with the joint fit's own losses.
JointData noiseless_joint(JointData data, const JointValleys& joint) {
  std::vector<double> level(data.total_weight.size());
  const auto shape = [&](const JointPoint& p) {
    return std::exp(joint.log_A - joint.alpha * (p.x + data.x_mean)) +
           std::exp(joint.log_B - joint.beta * (p.y + data.y_mean));
  };
  for (const JointPoint& p : data.points) {
    level[p.valley] += p.weight / data.total_weight[p.valley] * (p.loss - shape(p));
  }
  for (JointPoint& p : data.points) p.loss = level[p.valley] + shape(p);
  return data;
}

JointData noisy_joint(JointData data, double sigma, SplitMix64& random) {
  for (JointPoint& p : data.points) {
    const double rows = p.weight * p.loss * p.loss;
    p.loss *= std::exp(sigma / std::sqrt(rows) * standard_normal(random));
  }
  return data;
}

std::optional<std::vector<double>> minima_of(std::span<const Valley> valleys,
                                             const JointValleys& joint,
                                             const FlopsPerToken& flops) {
  std::vector<double> out;
  for (const Valley& v : valleys) {
    const auto found =
        joint_minimum(joint, v.budget, flops, v.log_params.front(), v.log_params.back());
    if (!found) return std::nullopt;
    out.push_back(*found);
  }
  return out;
}

bool at_edge(double exponent) {
  return exponent < kSmallestExponent + 1e-6 || exponent > kLargestExponent - kExponentStep;
}

}  // namespace

std::optional<JointValleys> fit_joint_valleys(std::span<const Valley> valleys) {
  const JointData data = joint_data(valleys);
  const auto degrees =
      static_cast<double>(data.points.size()) - static_cast<double>(valleys.size()) - 4;
  if (valleys.size() < 2 || degrees < 1) return std::nullopt;
  const std::vector<double> r = loss_column(data);
  const ExponentPair best = refined(data, r, best_on_grid(data, r), 1e-8);
  if (!std::isfinite(best.projection.squares)) return std::nullopt;
  if (at_edge(best.alpha) || at_edge(best.beta)) return std::nullopt;
  JointValleys joint = joint_of(data, best);
  joint.residual_rms = std::sqrt(best.projection.squares / degrees);
  return joint;
}

std::vector<MinimumDraws> draw_joint_minima(std::span<const Valley> valleys,
                                            const JointValleys& joint, const FlopsPerToken& flops,
                                            double sigma, int draws, std::uint64_t seed) {
  std::vector<MinimumDraws> out(valleys.size());
  const auto truth = minima_of(valleys, joint, flops);
  if (!truth) return out;
  const JointData data = noiseless_joint(joint_data(valleys), joint);
  // Finer than any noise; a refit from the truth needs no grid.
  constexpr double kSmallestStep = 1e-4;
  for (int k = 0; k < draws; ++k) {
    SplitMix64 random(splitmix64(seed) + static_cast<std::uint64_t>(k) * 0x632be59bd9b4e019ULL);
    const JointData drawn = noisy_joint(data, sigma, random);
    const std::vector<double> r = loss_column(drawn);
    const ExponentPair start{joint.alpha, joint.beta, {}};
    const ExponentPair best = refined(drawn, r, start, kSmallestStep);
    if (!std::isfinite(best.projection.squares)) continue;
    const auto minima = minima_of(valleys, joint_of(drawn, best), flops);
    if (!minima) continue;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].shift.push_back((*minima)[i] - (*truth)[i]);
    }
  }
  for (MinimumDraws& d : out) finish_draws(draws, d);
  return out;
}

std::optional<double> joint_minimum(const JointValleys& joint, double budget,
                                    const FlopsPerToken& flops, double log_low, double log_high) {
  const auto height = [&](double log_params) {
    const double log_tokens = std::log(budget / flops(std::exp(log_params)));
    return std::exp(joint.log_A - joint.alpha * log_params) +
           std::exp(joint.log_B - joint.beta * log_tokens);
  };
  // Golden section; f(N) may have corners, so no derivative is asked for. Its precision in ln N is
  // the square root of the losses', about 1e-8.
  const double golden = 0.5 * (std::sqrt(5.0) - 1);
  double low = log_low;
  double high = log_high;
  while (high - low > 1e-9) {
    const double one = high - golden * (high - low);
    const double two = low + golden * (high - low);
    height(one) < height(two) ? high = two : low = one;
  }
  const double found = 0.5 * (low + high);
  if (found - log_low < 1e-6 || log_high - found < 1e-6) return std::nullopt;
  return found;
}

}  // namespace isoflop
