// Points of a known law, and the measured ones of the literature where they are at hand.
#ifndef ISOFLOP_TESTS_FIT_SYNTHETIC_H_
#define ISOFLOP_TESTS_FIT_SYNTHETIC_H_

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/law_fit.h"
#include "core/normal.h"
#include "core/observation.h"
#include "law/loss_law.h"

namespace isoflop {

// Besiroglu et al. 2024: a realistic truth.
inline constexpr LawParameters kTruth = {
    .E = 1.8172, .A = 482.01, .B = 2085.43, .alpha = 0.3478, .beta = 0.3658};

inline double true_optimum(double flops, const LawParameters& p = kTruth) {
  const double g = std::pow(p.alpha * p.A / (p.beta * p.B), 1 / (p.alpha + p.beta));
  return g * std::pow(flops / 6, p.beta / (p.alpha + p.beta));
}

inline double normal(SplitMix64& random) { return standard_normal(random); }

// Budgets x sizes, each budget's sizes spread by `span` to both sides of the optimum; noise in ln
// L.
inline std::vector<Observation> isoflop_grid(const std::vector<double>& budgets, int sizes,
                                             double noise, std::uint64_t seed, double span = 4,
                                             const LawParameters& law = kTruth) {
  SplitMix64 random(seed);
  std::vector<Observation> rows;
  for (const double budget : budgets) {
    for (int k = 0; k < sizes; ++k) {
      Observation o;
      o.params = true_optimum(budget, law) * std::pow(span, 2.0 * k / (sizes - 1) - 1);
      o.tokens = budget / (6 * o.params);
      o.flops = budget;
      o.budget = budget;
      o.loss = predict_loss(law, o.params, o.tokens) * std::exp(noise * normal(random));
      o.row = static_cast<std::int64_t>(rows.size());
      rows.push_back(o);
    }
  }
  return rows;
}

// The 245 points of Hoffmann's Figure 4 as extracted by Besiroglu et al.; D = C / 6 N. Empty when
// the file is not there. The clean 240 are those without the first five.
inline std::vector<Observation> extracted_points(std::size_t skip) {
  std::ifstream file(ISOFLOP_SOURCE_DIR
                     "/../shared/data/epoch-research_analyzing-chinchilla/svg_extracted_data.csv");
  std::vector<Observation> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::vector<std::string> cell;
    for (std::string text; std::getline(cells, text, ',');) cell.push_back(text);
    Observation o;
    o.params = std::stod(cell.at(3));
    o.flops = std::stod(cell.at(4));
    o.tokens = o.flops / (6 * o.params);
    o.loss = std::stod(cell.at(6));
    o.row = static_cast<std::int64_t>(rows.size());
    rows.push_back(o);
  }
  if (rows.size() >= skip)
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(skip));
  return rows;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FIT_SYNTHETIC_H_
