// Approach 2 of Hoffmann et al. 2022: at each budget the loss against ln N is a valley; a parabola
// through the points gives its bottom, and a power law through the bottoms gives N*(C) = G C^a.
//
// A budget that cannot say where its bottom is does not stop the others; it is marked
//   too_few_points   fewer than 3 distinct sizes
//   not_convex       the parabola opens downwards (or is flat)
//   not_one_budget   rows without a stated budget, chained over more than 35 % in C
//   not_bracketed    the bottom is not inside the range of the sizes
// Fewer than 2 usable budgets make the whole unusable, with the reason.
//
// Intervals of a and b come from residual draws: noise of each budget's own scatter around its
// parabola (pooled over budgets, n - 3 degrees of freedom each) is put on the parabola's values and
// all is refitted. With no degree of freedom left there is no interval. A parabola is biased on
// wide or off-centre grids (science: 4 % in N* at a factor of 16 each side), so approach 3 is the
// answer and this is its check.
#ifndef ISOFLOP_FIT_ISOFLOP_PROFILES_H_
#define ISOFLOP_FIT_ISOFLOP_PROFILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
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
