// A plan as a trial that `isoflop train --trial` and `isoflop sweep run` read: one size, one D.
//
// Size and shape are the plan's shape (core/shape_rule.h finds the same again), D what the budget
// buys for it. What the fitted runs were (Plan::recipe: masks, experts, blocks, optimiser) is the
// trial's too. Rate and batch are Step Law's from 30M parameters on; below they are left to the
// rule of core/rate_rule.h, which was measured there. Where D is more than the plan's unique tokens
// data.unique_tokens and data.epochs are set, passes rounded up.
//
// Errors: Error(kRefused, "no_shape") for a plan without a shape.
#ifndef ISOFLOP_PLAN_PLAN_TRIAL_H_
#define ISOFLOP_PLAN_PLAN_TRIAL_H_

#include <string>

#include "core/grid_spec.h"
#include "core/plan.h"

namespace isoflop {

// `corpus` may be empty: then `isoflop train --corpus` says it.
GridSpec plan_trial(const Plan& plan, const std::string& corpus);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_PLAN_TRIAL_H_
