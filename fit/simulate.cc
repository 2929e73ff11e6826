#include "fit/simulate.h"

#include <algorithm>
#include <cmath>

#include "core/hash.h"
#include "core/normal.h"
#include "law/loss_law.h"
#include "law/optimum.h"

namespace isoflop {
LawParameters besiroglu_law() {
  return {.E = 1.8172, .A = 482.01, .B = 2085.43, .alpha = 0.3478, .beta = 0.3658};
}

const std::vector<double>& table_a9_sizes() {
  static const std::vector<double> sizes = [] {
    std::vector<double> millions = {
        44,   57,   74,   90,   106,  117,   140,   163,   175,   196,   217,  251,  278,
        306,  425,  489,  509,  552,  587,   632,   664,   724,   816,   893,  1018, 1143,
        1266, 1424, 1429, 1593, 1609, 1731,  1794,  2007,  2283,  2298,  2639, 2980, 3530,
        3802, 4084, 4516, 6796, 9293, 11452, 12295, 12569, 13735, 14940, 16183};
    for (double& size : millions) size *= 1e6;
    return millions;
  }();
  return sizes;
}

std::vector<double> log_spaced(double low, double high, int count) {
  std::vector<double> out;
  for (int k = 0; k < count; ++k) {
    out.push_back(low * std::pow(high / low, count > 1 ? k / (count - 1.0) : 0));
  }
  return out;
}

std::vector<Observation> simulate_isoflop(const LawParameters& law, const SimulatedDesign& design,
                                          double noise, std::uint64_t seed) {
  SplitMix64 random(splitmix64(seed));
  std::vector<Observation> rows;
  for (const double budget : design.budgets) {
    const double middle = compute_optimum(law, FlopsPerToken::six_n(), budget).params;
    const auto near = [&](double n) {
      return std::abs(std::log(n / middle)) <= std::log(design.window);
    };
    for (const double params :
         design.sizes.empty()
             ? log_spaced(middle / design.window, middle * design.window, design.per_budget)
             : design.sizes) {
      if (!design.sizes.empty() && !near(params)) continue;
      const double tokens = budget / (6 * params);
      const double loss =
          predict_loss(law, params, tokens) * std::exp(noise * standard_normal(random));
      rows.push_back({.params = params,
                      .tokens = tokens,
                      .flops = budget,
                      .loss = loss,
                      .budget = budget,
                      .row = static_cast<std::int64_t>(rows.size())});
    }
  }
  return rows;
}

}  // namespace isoflop
