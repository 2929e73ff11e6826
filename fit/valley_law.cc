#include "fit/valley_law.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

// Porian et al. 2024: min_std_factor.
constexpr double kStepShare = 1.0 / 3;

struct BottomAxes {
  std::vector<double> x;  // ln C
  std::vector<double> weight;
};

BottomAxes axes_of(std::span<const BottomEstimate> bottoms) {
  BottomAxes axes;
  const bool noise =
      std::all_of(bottoms.begin(), bottoms.end(), [](const auto& b) { return b.draws.error > 0; });
  for (const BottomEstimate& b : bottoms) {
    axes.x.push_back(std::log(b.budget));
    const double error = std::max(b.draws.error, kStepShare * b.step);
    axes.weight.push_back(noise ? 1 / (error * error) : 1);
  }
  return axes;
}

std::vector<double> log_tokens_of(std::span<const BottomEstimate> bottoms,
                                  const std::vector<double>& log_params,
                                  const FlopsPerToken& flops) {
  std::vector<double> out;
  for (std::size_t i = 0; i < bottoms.size(); ++i) {
    out.push_back(std::log(bottoms[i].budget / flops(std::exp(log_params[i]))));
  }
  return out;
}

double squares_about(const BottomAxes& axes, const std::vector<double>& y) {
  const PowerLaw line = weighted_line(axes.x, y, axes.weight);
  double out = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double left = y[i] - line.intercept - line.slope * axes.x[i];
    out += axes.weight[i] * left * left;
  }
  return out;
}

std::vector<double> shifts_of(std::span<const BottomEstimate> bottoms, int draw) {
  std::vector<double> out;
  for (const BottomEstimate& b : bottoms) {
    out.push_back(b.draws.shift[static_cast<std::size_t>(draw) % b.draws.shift.size()]);
  }
  return out;
}

double scatter_of(std::span<const BottomEstimate> bottoms, const BottomAxes& axes,
                  const std::vector<double>& y, int draws) {
  if (bottoms.size() < 3) return 1;
  double expected = 0;
  for (int k = 0; k < draws; ++k) {
    expected += squares_about(axes, shifts_of(bottoms, k)) / draws;
  }
  const double ratio = std::sqrt(squares_about(axes, y) / expected);
  return std::isfinite(ratio) ? std::max(1.0, ratio) : 1;
}

}  // namespace

BottomLaw law_through(std::span<const BottomEstimate> bottoms, const FlopsPerToken& flops,
                      int draws) {
  const BottomAxes axes = axes_of(bottoms);
  std::vector<double> y;
  for (const BottomEstimate& b : bottoms) y.push_back(b.log_params);
  BottomLaw law;
  law.params.line = weighted_line(axes.x, y, axes.weight);
  law.tokens.line = weighted_line(axes.x, log_tokens_of(bottoms, y, flops), axes.weight);
  for (const BottomEstimate& b : bottoms) {
    if (b.draws.shift.empty()) return law;
  }
  law.scatter = scatter_of(bottoms, axes, y, draws);
  for (int k = 0; k < draws; ++k) {
    std::vector<double> drawn = shifts_of(bottoms, k);
    for (std::size_t i = 0; i < y.size(); ++i) drawn[i] = y[i] + law.scatter * drawn[i];
    law.params.draws.push_back(weighted_line(axes.x, drawn, axes.weight));
    law.tokens.draws.push_back(
        weighted_line(axes.x, log_tokens_of(bottoms, drawn, flops), axes.weight));
  }
  return law;
}

}  // namespace isoflop
