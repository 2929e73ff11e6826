// Approach 1 of Hoffmann et al. 2022: the envelope of training curves. At each of 1,500 log-spaced
// values of C the run with the lowest loss is taken; its size is N*(C) and C / f(N) is D*(C).
//
// Which losses count. Under a cosine (or an unknown schedule) the whole curve, smoothed by a
// Gaussian over the points' index with a window of 10 and interpolated in (ln C, ln L). Points
// before the end of a cosine have not seen the low rates and lie too high, which is why the paper
// gives each size 4 horizons spanning a factor of 16: the envelope then takes points in the last
// part of some run. Fewer than 2 horizons at a size on the envelope: warning `one_horizon`. For
// constant-plus-cooldown runs only the ends count, because a trunk at a constant rate lies above
// what a run of that length reaches: the ends of one size's runs at their several D, which share
// the trunk, make that size's curve, by Akima interpolation in (ln C, ln L). A run at a constant
// rate has no such point and is left out, with a warning.
//
// The largest size is lowest at the largest C only because nothing larger was trained, the smallest
// at the smallest C likewise: those two steps are not bracketed and are cut off (`cut_off`).
//
// The power law. N takes few values along the envelope, so ln N against ln C is a staircase. Least
// squares of ln N on ln C, as printed, is flattened by it: k equal steps give 1 - 1 / k^2 of the
// slope (11 % less at 3 sizes; measured in the tests). What is rounded is N, so ln C is regressed
// on ln N and the line is turned round, which is exact for equal steps. D* = C / f(N*); its line is
// that of ln f(N) turned round likewise, so that b = 1 - a under 6 N D. `a_as_printed` keeps the
// paper's.
//
// Intervals: as in the paper refits on subsets of 80 % of the runs; their deviations are doubled,
// because a subset that leaves out a fraction q has only q / (1 - q) = 1/4 of the variance
// (delete-d jackknife, Shao and Wu 1989). Fewer than 5 runs, or too many subsets without an answer:
// no interval. Draw k depends on the seed and k only.
//
// Thirds of the envelope show its curvature (appendix E): exponents that fall from third to third
// mean that an extrapolation from small C gives too large an N.
//
// A set of curves that cannot answer is a value with code and reason, never an exception; so are
// curves with fewer than 2 points, which are left out with a warning.
#ifndef ISOFLOP_FIT_ENVELOPE_H_
#define ISOFLOP_FIT_ENVELOPE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/envelope_fit.h"
#include "core/flops.h"
#include "core/training_curve.h"

namespace isoflop {

struct EnvelopeOptions {
  int grid = 1500;     // values of C
  double window = 10;  // of the Gaussian, in points: its standard deviation is a quarter
  double level = 0.9;
  int draws = 1000;
  std::uint64_t seed = 0;
};

EnvelopeFit fit_envelope(std::span<const TrainingCurve> curves,
                         const EnvelopeOptions& options = {});

// The losses smoothed over the points' index; near the ends over the points that there are, along a
// line, so that a falling curve keeps its end. Exposed for tests.
std::vector<LossPoint> smoothed(std::span<const LossPoint> points, double window);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ENVELOPE_H_
