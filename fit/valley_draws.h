// How far the noise of the losses moves a valley's minimum, and the power law through the minima.
//
// The valley's truth is taken to be its windowed parabola (the points themselves beyond the
// window); noise goes on top, and each estimator looks again. A shift is the difference of ln N to
// what the same estimator says of the truth without noise, so that a shift has no bias of the
// estimator in it. Noise is normal in ln L with the given standard deviation, less by the square
// root of the rows averaged. Draw k of a valley depends on seed, valley and k only.
//
// The line through the minima is least squares of ln y on ln C with weights 1 / s^2,
// s = max(standard error, a third of the step between the sizes beside the minimum), as Porian et
// al. 2024: between two sizes an interpolant is no better than that, whatever the noise.
#ifndef ISOFLOP_FIT_VALLEY_DRAWS_H_
#define ISOFLOP_FIT_VALLEY_DRAWS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/hash.h"
#include "core/normal.h"
#include "core/power_law.h"
#include "fit/valley.h"

namespace isoflop {

struct MinimumDraws {
  std::vector<double> shift;  // of ln N, of the draws whose minimum is inside the range
  double inside = 0;          // their share
  double error = 0;           // standard deviation over `inside`: what falls out is no precision
};

struct ValleyDraws {
  MinimumDraws akima;
  MinimumDraws parabola;
};

ValleyDraws draw_minima(const Valley& valley, double sigma, int draws, std::uint64_t seed);

// Adds standard deviation and share once all shifts are in.
void finish_draws(int draws, MinimumDraws& out);

// Least squares of y on x; the weights need not be normalised.
PowerLaw weighted_line(std::span<const double> x, std::span<const double> y,
                       std::span<const double> weight);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_VALLEY_DRAWS_H_
