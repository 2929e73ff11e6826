// Trials beside a grid that check its learning rates.
//
// For every size (N) of the grid, the cell with the fewest tokens is trained at rate / factor and
// rate x factor too: three losses say whether the grid's rate lies near the best
// (core/rate_rung.h). The cheapest cell, because a rate that is wrong for it is wrong for all; one
// of them, the first of the grid where several have as many tokens (other seeds, other values of an
// axis), because the question is the size's. No fit sees these trials.
#ifndef ISOFLOP_SWEEP_BRACKET_H_
#define ISOFLOP_SWEEP_BRACKET_H_

#include <span>
#include <vector>

#include "db/rows.h"

namespace isoflop {

// Two trials a size, sizes ascending. Throws Error(kUsage) when the factor is not above 1, or a
// trial's trainer has no rate.
std::vector<PlannedTrial> bracket_trials(std::span<const PlannedTrial> grid, double factor);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_BRACKET_H_
