// Laws of rate and batch from sweeps that varied them (core/hyper_fit.h).
//
//   ln y*_i = ln c + n ln N_i + d ln D_i + e_i,   y* the rungs' best rates or batches
//
// by least squares with weights 1 / (s_i^2 + tau^2): s_i the rung's own error (fit/hyper_rungs.h),
// tau the scatter between rungs that makes the weighted residuals as large as their degrees of
// freedom (Paule and Mandel 1982). Where the noise is not known every rung weighs the same. The
// covariance is scaled by the residuals' mean square (Knapp and Hartung 2003), so that with equal
// errors the intervals are Student's to the letter, however few rungs there are. Draws are of that
// multivariate t.
//
// Which exponents there are is chosen by what the rungs can tell:
//
//   n and d   both vary by a factor 1.5, ln D has a standard deviation of 0.3 beside what follows
//             from ln N, they correlate by less than 0.95, and there are five rungs
//   n         otherwise, for rates
//   d         otherwise, for batches where D varies; else n
//
// Rungs that are not brackets are left out and counted; the law is held against what they say.
//
// Refusals are values (HyperTermFit::refused): "too_few_rungs", fewer than three brackets;
// "one_size", nothing varies that the law is of; "law_runs_away", no number can hold its
// coefficient. Draws that no number can hold are left out and counted. Warnings: "unbracketed",
// "edge_disagrees", "tokens_follow_params", "noise_unknown", "mixed_recipes", "wide_interval",
// "lost_draws".
#ifndef ISOFLOP_FIT_HYPER_FIT_H_
#define ISOFLOP_FIT_HYPER_FIT_H_

#include <cstdint>
#include <span>
#include <string>

#include "core/hyper_fit.h"

namespace isoflop {

struct HyperFitOptions {
  double level = 0.9;
  int draws = 1000;
  std::uint64_t seed = 0;
  std::string name = "own";
};

// Throws Error(kUsage) for runs whose N, D or rate is not positive and finite, and for a level that
// is not between 0 and 1.
HyperFit fit_hyper_law(std::span<const TunedRun> runs, const HyperFitOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_HYPER_FIT_H_
