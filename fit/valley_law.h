// The power law through minima of one estimator, with draws.
//
// Minima of several budgets with their shifts (fit/valley_draws.h) make lines ln N* and ln D*
// against ln C; draw k takes shift k of each budget. `scatter` is how much more the minima scatter
// about their line than the shifts do about theirs (root of the ratio of weighted sums of squares,
// not below 1), and the draws' shifts are multiplied by it.
#ifndef ISOFLOP_FIT_VALLEY_LAW_H_
#define ISOFLOP_FIT_VALLEY_LAW_H_

#include <span>
#include <vector>

#include "core/flops.h"
#include "core/isoflop_fit.h"
#include "fit/valley_draws.h"

namespace isoflop {

struct BottomEstimate {
  double budget = 0;
  double log_params = 0;
  double step = 0;     // in ln N between the sizes beside it
  MinimumDraws draws;  // empty: unknown noise
};

struct BottomLaw {
  PowerLawFit params;
  PowerLawFit tokens;
  double scatter = 1;
};

// At least 2 bottoms of different budgets. No draws where any bottom has none.
BottomLaw law_through(std::span<const BottomEstimate> bottoms, const FlopsPerToken& flops,
                      int draws);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_VALLEY_LAW_H_
