// A plan's dress rehearsal: hide the most expensive runs, fit the rest, predict what was hidden.
//
// With budgets (see isoflop_profiles.h) the largest one is hidden; where rows do not form at least
// 3 groups of 3 rows, the top fifth of the rows by C. Errors are signed and relative: predicted /
// measured - 1.
#ifndef ISOFLOP_FIT_BACKTEST_H_
#define ISOFLOP_FIT_BACKTEST_H_

#include <optional>
#include <span>

#include "core/law_fit.h"
#include "core/observation.h"
#include "fit/parametric_fit.h"

namespace isoflop {

// Empty when what is left (fewer than 6 distinct points, 2 sizes or 2 token counts) cannot be
// fitted or its fit does not converge.
std::optional<Backtest> backtest(std::span<const Observation> observations,
                                 const ParametricOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_BACKTEST_H_
