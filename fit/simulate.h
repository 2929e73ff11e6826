// Simulated sweeps of a known law, for measuring what a fit's intervals are worth.
//
// IsoFLOP designs: at each budget C the given sizes whose N lies within a factor `window` of the
// law's optimum, D = C / 6 N. Losses are the law's times exp(noise z), z standard normal, one
// stream of draws for each seed.
#ifndef ISOFLOP_FIT_SIMULATE_H_
#define ISOFLOP_FIT_SIMULATE_H_

#include <cstdint>
#include <vector>

#include "core/law_fit.h"
#include "core/observation.h"

namespace isoflop {

struct SimulatedDesign {
  // The budgets of Hoffmann et al. 2022, approach 2.
  std::vector<double> budgets = {6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21};
  std::vector<double> sizes;  // parameters; empty: `per_budget` log-spaced over the window
  int per_budget = 0;
  double window = 4;  // a factor to each side of the optimum
};

// Besiroglu et al. 2024, as published.
LawParameters besiroglu_law();

// The sizes of Hoffmann et al. 2022 (arXiv:2203.15556), Table A9, as printed there.
const std::vector<double>& table_a9_sizes();

std::vector<double> log_spaced(double low, double high, int count);

std::vector<Observation> simulate_isoflop(const LawParameters& law, const SimulatedDesign& design,
                                          double noise, std::uint64_t seed);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_SIMULATE_H_
