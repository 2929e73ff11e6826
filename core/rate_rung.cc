#include "core/rate_rung.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

double vertex(const RateRung& rung) {
  const auto x = [&](std::size_t i) { return std::log(rung.rates[i]); };
  const auto y = [&](std::size_t i) { return rung.losses[i]; };
  const std::size_t b = rung.best;
  if (rung.at_edge || !std::isfinite(y(b - 1)) || !std::isfinite(y(b + 1))) return rung.rates[b];
  const double left = x(b) - x(b - 1);
  const double right = x(b) - x(b + 1);
  const double below = left * (y(b) - y(b + 1)) - right * (y(b) - y(b - 1));
  if (below == 0) return rung.rates[b];  // three equal losses
  const double above = left * left * (y(b) - y(b + 1)) - right * right * (y(b) - y(b - 1));
  return std::exp(x(b) - 0.5 * above / below);
}

}  // namespace

std::optional<RateRung> rate_rung(double params, double tokens, double rate,
                                  std::vector<RateLoss> points) {
  if (points.size() < 3) return std::nullopt;
  std::sort(points.begin(), points.end(),
            [](const RateLoss& a, const RateLoss& b) { return a.rate < b.rate; });
  RateRung rung{.params = params, .tokens = tokens, .rate = rate};
  for (const RateLoss& point : points) {
    rung.rates.push_back(point.rate);
    rung.losses.push_back(point.loss);
  }
  const auto best = std::min_element(rung.losses.begin(), rung.losses.end());
  if (!std::isfinite(*best)) return std::nullopt;
  rung.best = static_cast<std::size_t>(best - rung.losses.begin());
  rung.at_edge = rung.best == 0 || rung.best + 1 == rung.rates.size();
  rung.best_rate = vertex(rung);
  rung.ratio = rung.best_rate / rate;
  return rung;
}

}  // namespace isoflop
