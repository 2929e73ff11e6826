// The three approaches side by side at one budget C: exponents, N*, D*, and how far they disagree.
//
// Disagreement of a pair is z = (ln N*_2 - ln N*_1) / sqrt(s_1^2 + s_2^2), s an approach's standard
// error of ln N*, read off its interval: s = (ln high - ln low) / (2 q), q the normal quantile of
// the level. |z| > 2 is warning `approaches_disagree`: one of the approaches' assumptions fails (a
// bias of the grid, a law of the wrong shape, curves that are not annealed), and an interval of one
// approach alone is too narrow. Approaches on the same runs share their noise, so that z is too
// small rather than too large.
//
// Approach 3 comes as values: its optimum at C under the fit's own FLOPs per token is plan's
// business (compute_optimum over parameters and draws).
#ifndef ISOFLOP_FIT_APPROACH_COMPARISON_H_
#define ISOFLOP_FIT_APPROACH_COMPARISON_H_

#include <vector>

#include "core/approach_comparison.h"
#include "core/envelope_fit.h"
#include "core/isoflop_fit.h"

namespace isoflop {

ApproachAnswer envelope_answer(const EnvelopeFit& fit, double flops, double level = 0.9);
ApproachAnswer isoflop_answer(const IsoflopFit& fit, double flops, double level = 0.9);

// An approach that gave no answer, with its reason.
ApproachAnswer refused_answer(int approach, std::string code, std::string why_not);

// `answers` in the order in which they are to be shown. Throws Error(kUsage) when flops is not
// positive and finite or level is not between 0 and 1.
ApproachComparison compare_approaches(std::vector<ApproachAnswer> answers, double flops,
                                      double level = 0.9);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_APPROACH_COMPARISON_H_
