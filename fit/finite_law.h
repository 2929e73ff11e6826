// Whether a law can be written down and used. A and B grow with e to the power of what is searched
// for: where a few noisy points ask for exponents in the hundreds they are infinite or 0.
#ifndef ISOFLOP_FIT_FINITE_LAW_H_
#define ISOFLOP_FIT_FINITE_LAW_H_

#include <algorithm>
#include <cmath>
#include <span>

#include "core/observation.h"
#include "law/loss_law.h"

namespace isoflop {

// All five numbers are finite, and so is the loss of every run.
inline bool is_finite(const LawParameters& law, std::span<const Observation> runs) {
  for (const double value : {law.E, law.A, law.B, law.alpha, law.beta}) {
    if (!std::isfinite(value)) return false;
  }
  return std::all_of(runs.begin(), runs.end(), [&](const Observation& run) {
    return std::isfinite(predict_loss(law, run.params, run.tokens));
  });
}

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FINITE_LAW_H_
