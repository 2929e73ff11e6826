// Trials beside a grid that check its learning rates and its batches.
//
// For every size (N) of the grid, the cell with the fewest tokens is trained at rate / factor and
// rate x factor too: three losses say whether the grid's rate lies near the best
// (core/rate_rung.h). The cheapest cell, because a rate that is wrong for it is wrong for all; one
// of them, the first of the grid where several have as many tokens (other seeds, other values of an
// axis), because the question is the size's. No fit of losses sees these trials; laws of rate and
// batch are fitted to them (fit/hyper_fit.h).
//
// A bracket of batches does the same with about batch / factor and batch x factor, at the cell's
// rate and at its D exactly: with fewer tokens a batch would look worse than it is. So the grid
// rounds D to whole multiples of all of them (sweep/grid.h). The smaller batch is, within 20 % of
// batch / factor, the one that has the least common multiple with the batch; a batch of one has
// none.
#ifndef ISOFLOP_SWEEP_BRACKET_H_
#define ISOFLOP_SWEEP_BRACKET_H_

#include <cstdint>
#include <span>
#include <vector>

#include "db/rows.h"

namespace isoflop {

// In sequences.
struct BatchBracket {
  std::vector<std::int64_t> beside;  // ascending, without the batch itself
  std::int64_t common = 0;           // the least that they and the batch all divide
};
// Throws Error(kUsage) where the larger batch, or what all divide, is more than `sequences`.
BatchBracket batches_beside(std::int64_t batch, double factor, double sequences);

// Sizes ascending, for each its rates, then its batches; a factor of 0 leaves those out. Throws
// Error(kUsage) when a factor is not above 1, a trial's trainer has no rate, a trial beside the
// grid is none that can be run, or D is not whole batches of all.
std::vector<PlannedTrial> bracket_trials(std::span<const PlannedTrial> grid, double rate_factor,
                                         double batch_factor = 0);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_BRACKET_H_
