#include "core/interval.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

template <typename Value>
std::vector<double> over_draws(const LawFit& fit, Value value) {
  std::vector<double> out;
  out.reserve(fit.draws.size());
  for (const LawParameters& draw : fit.draws) out.push_back(value(draw));
  return out;
}

}  // namespace

double quantile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double position = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  if (values[below] == values[above]) return values[below];  // also two infinities
  return std::lerp(values[below], values[above], position - static_cast<double>(below));
}

Interval interval_over(double value, std::vector<double> draws, double level) {
  Interval out{.value = value, .low = std::nullopt, .high = std::nullopt};
  if (draws.empty()) return out;
  out.low = quantile(draws, 0.5 * (1 - level));
  out.high = quantile(std::move(draws), 0.5 * (1 + level));
  return out;
}

Interval exponent_a(const LawFit& fit) {
  return interval_over(fit.a(),
                       over_draws(fit, [](const auto& p) { return p.beta / (p.alpha + p.beta); }),
                       fit.interval_level);
}

Interval exponent_b(const LawFit& fit) {
  return interval_over(fit.b(),
                       over_draws(fit, [](const auto& p) { return p.alpha / (p.alpha + p.beta); }),
                       fit.interval_level);
}

Interval asymptote(const LawFit& fit) {
  return interval_over(fit.parameters.E, over_draws(fit, [](const auto& p) { return p.E; }),
                       fit.interval_level);
}

}  // namespace isoflop
