// Which runs to do next: those that shrink the interval of N* at the target most per FLOP.
//
// The fit's draws say how the loss at any (N, D) goes together with the answer: over the draws,
//   y(x) = ln L(N, D),   z = ln N*(C_target),   s^2 = variance of the noise of ln L,
// a run at x is expected to lower the variance of z by
//   cov(z, y(x))^2 / (s^2 + var y(x))                          (linear-Gaussian conditioning)
// whatever its loss turns out to be. Runs are taken greedily by that gain over their cost f(N) D,
// each conditioning on the ones before it, so that the second of two equal runs counts for less. A
// cell may be named twice: then a second seed there is worth more than another cell.
//
// Candidates are log-spaced in N and D / N over the fitted ranges, widened by `reach`, and cost at
// most `max_flops` and at least the smallest fitted run: below it the law was not seen.
//
// This assumes that the law's form is right. Draws beyond the 1st and 99th percentile count as
// those, so that a few runaway ones do not decide.
//
// Errors: Error(kRefused, "no_draws") for a law without draws, "no_range" for one that does not
// know the range of its data; Error(kUsage) for a budget, count or noise out of range.
#ifndef ISOFLOP_DESIGN_SUGGEST_H_
#define ISOFLOP_DESIGN_SUGGEST_H_

#include "core/design_answer.h"
#include "core/law_fit.h"

namespace isoflop {

struct SuggestOptions {
  double target_flops = 0;  // C at which N* is wanted
  int count = 5;
  double max_flops = 0;  // of one run; 0: the largest fitted C
  double noise = 0;      // standard deviation of ln L; 0: the fit's residual_rms
  double reach = 1.5;    // factor beyond the fitted N and D / N
};

Suggestions suggest_runs(const LawFit& fit, const SuggestOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_SUGGEST_H_
