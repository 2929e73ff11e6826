// One start of approach 3, from anywhere: Ceres' Levenberg-Marquardt with its HuberLoss brings it
// near an optimum (its quadratic model drops the curvature of residuals beyond delta, so it creeps
// at the end), then newton.h finishes.
#ifndef ISOFLOP_FIT_ROBUST_DESCENT_H_
#define ISOFLOP_FIT_ROBUST_DESCENT_H_

#include "fit/newton.h"
#include "fit/points.h"

namespace isoflop {

// All weights of `points` must be 1. `start` is centred.
Descent robust_descent(const Points& points, const LawVector& start, double huber_delta);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_ROBUST_DESCENT_H_
