// A plan's dress rehearsal: hide the most expensive runs, fit the rest, predict what was hidden.
//
// With budgets (see isoflop_profiles.h) the largest one is hidden; where rows do not form at least
// 3 groups of 3 rows, the top fifth of the rows by C. Options hide more. Errors are signed and
// relative: predicted / measured - 1.
//
// Intervals are of a measured loss: row-bootstrap refits of the rest, each with the scatter of one
// of its residuals put on top.
#ifndef ISOFLOP_FIT_BACKTEST_H_
#define ISOFLOP_FIT_BACKTEST_H_

#include <cstdint>
#include <optional>
#include <span>

#include "core/law_fit.h"
#include "core/observation.h"
#include "fit/parametric_fit.h"

namespace isoflop {

struct BacktestOptions {
  // What is hidden: rows of at least `budget` FLOP, or this share of the rows by C; both 0: see
  // above.
  double budget = 0;
  double fraction = 0;
  int draws = 0;  // 0: no intervals
  double level = 0.9;
  std::uint64_t seed = 0;
};

// Empty when what is left (see can_be_fitted) cannot be
// fitted or its fit does not converge. Throws Error(kUsage) for a fraction outside (0, 1), and for
// a budget that hides no row or all.
std::optional<Backtest> backtest(std::span<const Observation> observations,
                                 const ParametricOptions& options = {},
                                 const BacktestOptions& hiding = {});

// The rows to fit and the rows to predict, each in the order of C.
struct Holdout {
  std::vector<Observation> kept;
  std::vector<Observation> hidden;
};
Holdout hold_out(std::span<const Observation> observations, const BacktestOptions& hiding = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_BACKTEST_H_
