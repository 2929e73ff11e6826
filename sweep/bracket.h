// Trials beside a grid that check its learning rates and its batches.
//
// For every size (N) of the grid, the cell with the fewest tokens is trained at rate / factor and
// rate x factor too: three losses say whether the grid's rate lies near the best
// (core/rate_rung.h). The cheapest cell, because a rate that is wrong for it is wrong for all; one
// of them, the first of the grid where several have as many tokens (other seeds, other values of an
// axis), because the question is the size's. No fit of losses sees these trials; laws of rate and
// batch are fitted to them (fit/hyper_fit.h).
//
// A bracket of batches does the same with batch / factor and batch x factor, at the cell's rate, D
// rounded down to whole batches. A batch that cannot be halved is left out.
#ifndef ISOFLOP_SWEEP_BRACKET_H_
#define ISOFLOP_SWEEP_BRACKET_H_

#include <span>
#include <vector>

#include "db/rows.h"

namespace isoflop {

// Sizes ascending, for each its rates, then its batches; a factor of 0 leaves those out. Throws
// Error(kUsage) when a factor is not above 1, or a trial's trainer has no rate.
std::vector<PlannedTrial> bracket_trials(std::span<const PlannedTrial> grid, double rate_factor,
                                         double batch_factor = 0);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_BRACKET_H_
