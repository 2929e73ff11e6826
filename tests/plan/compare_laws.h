// Laws with made-up uncertainty, for tests of comparisons.
#ifndef ISOFLOP_TESTS_PLAN_COMPARE_LAWS_H_
#define ISOFLOP_TESTS_PLAN_COMPARE_LAWS_H_

#include <cmath>
#include <random>
#include <vector>

#include "core/law_fit.h"

namespace isoflop {

// Draws whose parameters scatter by `noise` in ln around the law's.
inline LawFit with_draws(LawFit fit, int count, double noise, unsigned seed) {
  std::mt19937 random(seed);
  const auto scattered = [&](double value) {
    double sum = -6;  // of twelve uniforms: close to normal, the same everywhere
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random()) / 4294967296.0;
    return value * std::exp(noise * sum);
  };
  for (int i = 0; i < count; ++i) {
    LawParameters draw = fit.parameters;
    draw.E = scattered(draw.E);
    draw.A = scattered(draw.A);
    draw.B = scattered(draw.B);
    fit.draws.push_back(draw);
  }
  return fit;
}

// f(N) of a family whose attention and head make small models dear per parameter.
inline FlopsPerToken dear_small_models() {
  std::vector<std::pair<double, double>> nodes;
  for (double n = 1e4; n < 1e12; n *= 3) nodes.emplace_back(n, 6 * n * (1 + 30 / std::pow(n, 0.3)));
  return FlopsPerToken::from_nodes("test", nodes);
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_PLAN_COMPARE_LAWS_H_
