// How flat the optimum is, in the currency people pay in: every N that wastes at most the share x.
// Trained with C, it is as good as the best model of C / (1 + x); in other words, with x more
// compute than the best model of that loss needs, any N of the band will do.
//
//   band(x) = { N : L(N, C / f(N) - K) <= L*(C / (1 + x)) }
//
// The band is an interval around N*; its ends are found by bisection in ln N to machine precision.
// Where the law has no optimum inside (see optimum.h) an end of the band is the end of the search
// range.
#ifndef ISOFLOP_PLAN_NEAR_OPTIMAL_H_
#define ISOFLOP_PLAN_NEAR_OPTIMAL_H_

#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "core/plan.h"
#include "plan/allocation.h"

namespace isoflop {

// extra_compute = x > 0; Error(kUsage) otherwise. loss_difference is the larger of the two ends'
// L(N, C / f(N)) - L*(C).
NearOptimal near_optimal(const LawParameters& law, const FlopsPerToken& flops_per_token,
                         double flops, double extra_compute = 0.05);
// On any surface, for a free choice of N (params_low and params_high of `spend` are not asked).
NearOptimal near_optimal(const LossSurface& surface, const Spend& spend, double flops,
                         double extra_compute = 0.05);

// What N* times each factor would waste at the same budget; factors whose N buys no token are left
// out.
std::vector<SizePrice> price_of_size(const LossSurface& surface, const Spend& spend, double flops,
                                     const std::vector<double>& factors = {0.25, 0.5, 2, 4});

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_NEAR_OPTIMAL_H_
