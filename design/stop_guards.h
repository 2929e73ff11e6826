// What speaks against stopping a sweep whose interval is narrow enough.
//
// Too little is known:
//   runs      fewer than 12 runs, 8 points or 4 sizes (or all the grid has)
//   anchors   fewer than 3 runs, of 2 sizes, whose own C is at least a tenth of all spent, and at
//             least 1 / 3,000 of the target's or three tenths of the grid's largest
// The law fails; its interval knows nothing of that:
//   hidden    the dearest quarter of the runs (at least 3), hidden from a fit of the others, differ
//             in the mean from what it predicts by more than 2.58 standard errors: those of the
//             prediction and of the runs, linear, widened for shared noise as the interval is
//   trend     the residuals bend with N, D or C (fit/residuals.h)
//   replicates  points' means miss the law by more than their seeds explain (fit/noise.h)
#ifndef ISOFLOP_DESIGN_STOP_GUARDS_H_
#define ISOFLOP_DESIGN_STOP_GUARDS_H_

#include <span>
#include <string>
#include <vector>

#include "design/adaptive.h"
#include "design/cell_points.h"

namespace isoflop {

// In words; empty: nothing speaks against it. `all`: every point there can be.
std::vector<std::string> little_known(std::span<const Observation> rows,
                                      std::span<const CellPoint> all,
                                      const AdaptiveOptions& options, double spent);

std::vector<std::string> failings_of_law(std::span<const Observation> rows, const LawFit& fit,
                                         const AdaptiveOptions& options);

// (Mean of the hidden runs' residuals) / (its standard error); 0 where too few are left to fit.
double hidden_runs_score(std::span<const Observation> rows, const AdaptiveOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_STOP_GUARDS_H_
