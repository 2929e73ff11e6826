// One start of approach 3, from anywhere: Ceres' Levenberg-Marquardt brings it near an optimum (its
// quadratic model drops the curvature of residuals beyond delta, so it creeps at the end), then
// newton.h finishes.
//
// It is ceres::TinySolver, made for few parameters: one call for all residuals, no memory taken
// anew; a problem of one block a point takes ten times as long. It has no robust losses, so the
// residuals are handed over such that their half squares are the Huber terms.
#ifndef ISOFLOP_FIT_ROBUST_DESCENT_H_
#define ISOFLOP_FIT_ROBUST_DESCENT_H_

#include "fit/newton.h"
#include "fit/points.h"

namespace isoflop {

// Ceres' part. Stops when a step lowers the objective by less than tolerance / 2 x delta^2 x
// points.
LawVector levenberg_marquardt(const Points& points, const LawVector& start, double huber_delta,
                              double tolerance);

// `start` is centred.
Descent robust_descent(const Points& points, const LawVector& start, double huber_delta);

// Whether the objective falls at each of 16 equal steps along the straight line: a descent from
// the one may then end at the other.
bool falls_towards(const Points& points, const LawVector& from, const LawVector& to,
                   double huber_delta);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ROBUST_DESCENT_H_
