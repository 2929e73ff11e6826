// The parts of a plan beside its optimum: what it spends, what it wastes, what other sizes need,
// and what all of that assumes.
#ifndef ISOFLOP_PLAN_PLAN_DETAILS_H_
#define ISOFLOP_PLAN_PLAN_DETAILS_H_

#include "plan/solve.h"

namespace isoflop {

// Fills spending, training advice, unique tokens and epochs, memory, cost, iso-loss and assumptions
// of a plan whose optimum is known.
void fill_details(const PlanRequest& request, const LossSurface& surface, const Spend& spend,
                  Plan& plan);

// What the free choice of N at the plan's budget would have been.
AgainstOptimum against_optimum(const LossSurface& surface, const Spend& spend, const Solved& plan);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_PLAN_DETAILS_H_
