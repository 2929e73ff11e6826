// Approach 2 of Hoffmann et al. 2022: at each budget the loss against ln N is a valley; its minimum
// is N*(C), and a power law through the minima gives N*(C) = G C^a.
//
// Three estimators of each minimum stand side by side with their disagreement: Akima and the
// windowed parabola (fit/valley.h) and the joint projection over all budgets
// (fit/valley_joint.h). The main one, through which the law goes, is Akima's, and the parabola's
// where a budget has fewer than kFewestInWindow sizes: on the raw points of Porian et al. 2024
// (five RefinedWeb experiments) a parabola through all points of a budget gives exponents
// .865/.780/.659/.563/.514, Akima .834/.715/.606/.572/.497, and the authors print
// .835/.706/.602/.571/.497: Akima alone lies in all five of their intervals, because their valleys
// are lopsided and rise by a third of the loss. Where valleys are shallow against the noise Akima
// is the least steady of the three; then its standard errors say so (`noisy_minima`), and they are
// in the intervals.
//
// Rows of one size are averaged; of more than 100 sizes neighbours are, down to 100 points.
//
// A budget that cannot say where its minimum is does not stop the others; it is marked
//   too_few_points   fewer than 3 distinct sizes
//   not_one_budget   rows without a stated budget, chained over more than 35 % in C
//   not_convex       the parabola opens downwards or is flat, or its curvature is less than two
//                    standard errors above 0: noise alone could have made the valley
//   not_bracketed    the lowest loss is at the smallest or largest size, the minimum is not inside
//                    the range, or would not be in half of the draws with the losses' noise
// Fewer than 2 usable budgets make the whole unusable, with the reason.
//
// Uncertainty: the noise of a loss (fit/valley_noise.h) moves each minimum (fit/valley_draws.h),
// which gives the standard error of ln N*, the weight 1 / s^2 of the budget, and draws of the whole
// line, for N*(C) and D*(C) at any C. Where the minima scatter more about their line than that
// explains, the draws are widened by the ratio (Birge 1932). A bias that all budgets share (a law
// that is no power law, a recipe wrong at every size) is not in the interval; the three estimators'
// disagreement hints at it.
//
// Measured, 200 worlds each of a known law, 4x5 to 9x15 grids (budgets x sizes) reaching a factor
// of 3 to 16 to each side, noise 0.0005 to 0.004 in ln L: the 90 % interval of a covers in 86 to 94
// %, that of N* at 100 times the largest budget in 87 to 93 %. Errors of a at 4x7, factor 4, noise
// 0.002: 0.035 rms by Akima, 0.010 by the parabola, 0.005 by the joint projection.
//
// Warnings: few_budgets (2 usable ones: no scatter to see), noisy_minima, estimators_disagree.
// Draws depend on the seed only.
#ifndef ISOFLOP_FIT_ISOFLOP_PROFILES_H_
#define ISOFLOP_FIT_ISOFLOP_PROFILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/flops.h"
#include "core/isoflop_fit.h"
#include "core/observation.h"

namespace isoflop {

struct IsoflopOptions {
  // Rows without a budget join one when their ln C are chained by gaps of at most this, here 5 %:
  // it finds the budgets of the points read from Hoffmann's figure, whose C scatter by about as
  // much.
  double chain_gap = 0.05;
  double level = 0.9;
  int draws = 1000;
  std::uint64_t seed = 0;
  FlopsPerToken flops = FlopsPerToken::six_n();  // D at the bottom is C / f(N)
};

struct BudgetGroup {
  double budget = 0;              // FLOP: as planned, or the geometric mean of C
  std::vector<std::size_t> rows;  // indices into the observations, in their order
};

// Ascending budgets. Observation.budget where every row has one, else chains in ln C. A group may
// have one row.
std::vector<BudgetGroup> group_by_budget(std::span<const Observation> observations,
                                         double chain_gap = IsoflopOptions{}.chain_gap);

IsoflopFit fit_isoflop(std::span<const Observation> observations,
                       const IsoflopOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ISOFLOP_PROFILES_H_
