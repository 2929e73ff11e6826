// From a law and a budget to advice: size, tokens and loss with intervals, how flat the choice is,
// a concrete shape, and every reason to distrust the answer.
//
// Intervals are quantiles over the fit's draws (level from the fit) of each draw's own N*, D* and
// L*. A draw whose optimum runs away to an end of the search range stays in, and is counted in a
// warning.
//
// Warnings, beside the fit's own:
//   no_uncertainty            the law has no draws (presets)
//   extrapolation             C is beyond the largest fitted C, with the factor
//   wide_interval             high / low of N* above 4
//   runaway_draws             some draws have no optimum inside
//   tokens_per_param_outside  D* / N* outside the fitted data's range
//   no_shape                  the rule has no shape near N*
//
// Errors: Error(kUsage) for a budget that is not positive and finite; Error(kRefused, "no_optimum")
// when the law itself has no optimum inside.
#ifndef ISOFLOP_PLAN_MAKE_PLAN_H_
#define ISOFLOP_PLAN_MAKE_PLAN_H_

#include "core/law_fit.h"
#include "core/model_config.h"
#include "core/plan.h"

namespace isoflop {

struct PlanOptions {
  double extra_compute = 0.05;      // of the near-optimal band
  double extrapolation_factor = 1;  // warn when C exceeds the largest fitted C by more than this
  double wide_ratio = 4;            // warn when high / low of N* exceeds this
  // What the shape rule does not choose: vocabulary, context, positions, norm, tying. The default
  // is a GPT-like model with a vocabulary of 32,000 and a context of 2,048.
  ModelConfig base = {.vocab = 32000, .context = 2048};
};

Plan make_plan(const LawFit& fit, double flops, const PlanOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_MAKE_PLAN_H_
