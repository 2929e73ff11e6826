// One loss surface, one request: the size, the tokens and the budget that answer it.
//
//   given        solved for
//   C            N and D: the free optimum, under a cap
//   C, N         D = C / f(N) - K
//   C, D         N such that f(N) (D + K) = C
//   l            C, N and D: the cheapest, under a cap
//   l, N         D with L(N, D) = l
//   l, D         N with L(N, D) = l
#ifndef ISOFLOP_PLAN_SOLVE_H_
#define ISOFLOP_PLAN_SOLVE_H_

#include <optional>

#include "plan/allocation.h"
#include "plan/make_plan.h"

namespace isoflop {

struct Solved {
  Optimum best;
  double flops = 0;  // the whole budget
};

// f, K and the cap that the request means.
Spend spend_of(const LawFit& fit, const PlanRequest& request);

// Absent where the loss is out of reach. Throws Error(kRefused, "budget_too_small").
std::optional<Solved> solve(const LossSurface& surface, const Spend& spend,
                            const PlanRequest& request);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_SOLVE_H_
