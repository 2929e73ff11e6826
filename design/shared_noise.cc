#include "design/shared_noise.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "design/law_belief.h"

namespace isoflop {
namespace {

constexpr double kUnitNoise = 1e-3;  // s: any that makes the belief's prior negligible

// Pairs i < j of rows of one run.
std::vector<std::pair<std::size_t, std::size_t>> sharing_pairs(std::span<const Observation> rows) {
  std::map<std::string, std::vector<std::size_t>> runs;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    if (rows[j].run.empty()) continue;
    auto& run = runs[rows[j].run];
    for (const std::size_t i : run) pairs.emplace_back(i, j);
    run.push_back(j);
  }
  return pairs;
}

}  // namespace

double shared_correlation(double tokens, double other_tokens, double rho) {
  return std::pow(rho, std::abs(std::log2(tokens / other_tokens)));
}

double widening(std::span<const Observation> rows, const LawParameters& law,
                const FlopsPerToken& flops, double target_flops, double rho) {
  const auto pairs = sharing_pairs(rows);
  if (pairs.empty() || !(rho > 0)) return 1;
  LawBelief belief(law, flops, target_flops, kUnitNoise);
  std::vector<LawVector> g;
  for (const Observation& row : rows) {
    g.push_back(belief.gradient(row.params, row.tokens));
    belief.learn({.gradient = g.back(), .variance = kUnitNoise * kUnitNoise});
  }
  double alone = 0;    // w^T w
  double degrees = 0;  // tr(I - H)
  for (const LawVector& row : g) {
    alone += belief.weight(row) * belief.weight(row);
    degrees += 1 - belief.leverage(row, row);
  }
  double shared = alone;  // w^T R w
  double left = degrees;  // tr((I - H) R)
  for (const auto& [i, j] : pairs) {
    const double r = shared_correlation(rows[i].tokens, rows[j].tokens, rho);
    shared += 2 * r * belief.weight(g[i]) * belief.weight(g[j]);
    left -= 2 * r * belief.leverage(g[i], g[j]);
  }
  if (!(alone > 0) || !(left > 0)) return 1;
  return std::sqrt(std::max(1.0, shared / alone * degrees / left));
}

}  // namespace isoflop
