// How much a loss would differ if the same run were made again: the standard deviation of ln L.
//
// In this order, because each sees more of what makes two runs differ than the next:
//   replicates   rows of one budget and one size, pooled over all, with at least 3 degrees of
//                freedom
//   loss_error   the rows' own standard errors (root mean square of error / L), where every row has
//                one, but not less than what the residuals show: an evaluation's error leaves out
//                the seed's
//   residuals    what neighbouring sizes leave over after a cubic in ln N: the fourth divided
//                difference of 5 consecutive points (third, of 4, in a valley that has just 4),
//                divided by the norm of its weights, root mean square over all windows within a
//                factor kNoiseReach of the lowest point and kNoiseRise of its loss
// With none of them the noise is unknown, and nothing that needs it is given.
#ifndef ISOFLOP_FIT_VALLEY_NOISE_H_
#define ISOFLOP_FIT_VALLEY_NOISE_H_

#include <span>
#include <string>
#include <vector>

#include "core/observation.h"
#include "fit/isoflop_profiles.h"
#include "fit/valley.h"

namespace isoflop {

inline constexpr double kNoiseReach = 9;
inline constexpr double kNoiseRise = 0.05;  // in ln L: beyond it a law's valley is no cubic

struct ValleyNoise {
  double sigma = 0;    // of one row's ln L; 0: unknown
  std::string source;  // "replicates", "loss_error", "residuals"; empty: unknown
  int degrees = 0;     // of freedom; 0 for loss_error
};

ValleyNoise noise_of(std::span<const Observation> observations, std::span<const BudgetGroup> groups,
                     std::span<const Valley> valleys);

// Does the valley rise above the noise? The quadratic coefficient of ln L in ln N over the same
// windows as `residuals`, in units of its standard error; about normal around 0 for a flat valley.
double curvature_ratio(const Valley& valley, double sigma);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_VALLEY_NOISE_H_
