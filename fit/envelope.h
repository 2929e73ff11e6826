// Approach 1 of Hoffmann et al. 2022: the envelope of training curves. At each of 1,500 log-spaced
// values of C the run with the lowest loss is taken, which says which size is best where.
//
// Which losses count. Under a cosine (or an unknown schedule) the whole curve, smoothed and
// interpolated in (ln C, ln L). Points before the end of a cosine have not seen the low rates and
// lie too high, which is why the paper gives each size 4 horizons spanning a factor of 16: then the
// envelope takes points in the last part of some run. Fewer than 2 horizons at a size on the
// envelope: warning `one_horizon`. For constant-plus-cooldown runs only the ends count, because a
// trunk at a constant rate lies above what a run of that length reaches: the ends of one size's
// runs at their several D make that size's curve, by Akima interpolation in (ln C, ln L), so a
// size needs 2 of them. What is left out is said: `not_cooled_down`, `one_end`, `too_short`.
//
// The power law. N takes few values along the envelope, so ln N against ln C is a staircase, and
// its first and last step, the smallest and the largest size, end only because nothing smaller or
// larger was trained: they are cut off (`cut_off` where that is more than half of the range in ln
// C). What a staircase does say is where one size takes over from the next: at such a C_s the two
// losses are equal, so the minimum lies between, N*(C_s) = sqrt(N_k N_k+1) up to the valley's
// asymmetry ((alpha - beta) / 12 x (ln of the step)^2 in ln N: 0.2 % for a factor of 2 and
// 0.05), and D* = C_s / sqrt(f_k f_k+1). Least squares of ln N* and ln D* on ln C through these
// points is the law. The paper's least squares through all grid points is kept as `a_as_printed`:
// k equal steps flatten it by 1 - 1 / k^2 (11 % at 3 sizes), uneven steps do worse.
//
// A take-over is the C that best divides the wins of the sizes up to k from those beyond, so that
// noise that makes two sizes alternate does not matter; both sizes must have a curve there.
//
// Intervals: as in the paper refits on 80 % of the runs; their deviations are doubled, because a
// subset without a fraction q has only q / (1 - q) = 1/4 of the variance (delete-d jackknife, Shao
// and Wu 1989). Fewer than 5 runs or less than half of the subsets with an answer: no interval.
// Draw k depends on the seed and k only.
//
// Thirds of the envelope show its curvature (appendix E): exponents that fall from third to third
// mean that an extrapolation from small C gives too large an N.
//
// Curves that cannot answer give a value with code and reason: no_curves, not_cooled_down,
// too_few_sizes (fewer than 3 sizes on the envelope), not_bracketed (fewer than 2 take-overs at
// which both sizes have curves).
#ifndef ISOFLOP_FIT_ENVELOPE_H_
#define ISOFLOP_FIT_ENVELOPE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/envelope_fit.h"
#include "core/training_curve.h"

namespace isoflop {

struct EnvelopeOptions {
  int grid = 1500;     // values of C
  double window = 10;  // of the Gaussian, in points: its standard deviation is a quarter of that
  double level = 0.9;
  int draws = 1000;
  std::uint64_t seed = 0;
};

EnvelopeFit fit_envelope(std::span<const TrainingCurve> curves,
                         const EnvelopeOptions& options = {});

// ln L as a local line in ln D, weights Gaussian in the points' index: a plain mean would lift a
// convex curve and cut its end off. Curves shorter than two windows are returned as they are.
// Points must have tokens above 0.
std::vector<LossPoint> smoothed(std::span<const LossPoint> points, double window);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ENVELOPE_H_
