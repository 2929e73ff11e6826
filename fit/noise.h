// How noisy the runs are by their own account, and whether the law's residuals are more than that.
//
//   pure error   rows of one point (same N and D) that differ by seed:
//                  sigma^2 = sum over points of sum (y - point's mean)^2 / (rows - points)
//   lack of fit  what is left of the points' means:  sum n_p (mean - law)^2 / (points - 5)
//   F            lack of fit over pure error; under a right law and normal noise it follows
//                F(points - 5, rows - points)      (Fisher 1922; Draper and Smith 1998,
//                section 2.1)
//   evaluation   rms of loss_error / loss
//
// y is ln L, residuals are those of the fitted law, which need not be of least squares: a robust
// fit leaves outliers their whole residual, so that they too speak as lack of fit.
//
// Two parts of the noise a bootstrap cannot see in the scatter. What replicates share (a law's own
// error, a size's bad rate) is no noise of theirs: bootstrap.h therefore draws points, not rows.
// What all rows share (the same held-out windows) moves every loss alike: it moves E and no N*, and
// is left out of the draws: L* is a loss on these windows, and on others of the same text it is off
// by evaluation_sigma more.
//
// Warning lack_of_fit: P < 1 % and ratio > 1.5, from at least 3 degrees of freedom on each side.
#ifndef ISOFLOP_FIT_NOISE_H_
#define ISOFLOP_FIT_NOISE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/law_fit.h"
#include "core/noise_estimate.h"
#include "core/observation.h"

namespace isoflop {

// Rows of the same point: N and D equal to 1 part in 1e9. In order of their first rows.
std::vector<std::vector<std::size_t>> group_by_point(std::span<const Observation> observations);

// `log_residuals` are ln L - ln law, one a row, of a law with `parameters` free parameters.
NoiseEstimate estimate_noise(std::span<const Observation> observations,
                             std::span<const double> log_residuals, int parameters);
// Of the Chinchilla law.
NoiseEstimate estimate_noise(std::span<const Observation> observations, const LawParameters& law);

// Empty when the law fits as well as its noise allows, or nothing can be said.
std::optional<Warning> lack_of_fit(const NoiseEstimate& noise);

// P(F >= f) for F(numerator, denominator) degrees of freedom.
double f_tail(double f, double numerator, double denominator);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_NOISE_H_
