// Damped Newton steps on the summed Huber objective, with exact second derivatives: the last metres
// of a fit, and the whole of a warm-started refit.
//
// The objective is once differentiable and piecewise smooth: a residual's Hessian part
//   [|r| <= delta] grad r grad r' + psi(r) Hess r,   psi(r) = clamp(r, -delta, delta)
// jumps where it passes delta, and the damping (H + lambda S) step = -g, S = diag of sum grad r
// grad r', lowers lambda after a good step and raises it after a bad one, so the objective never
// rises.
#ifndef ISOFLOP_FIT_NEWTON_H_
#define ISOFLOP_FIT_NEWTON_H_

#include "fit/points.h"
#include "law/loss_law.h"

namespace isoflop {

struct NewtonOptions {
  double huber_delta = 1e-3;
  int max_steps = 300;  // tried, accepted or not
};

struct Descent {
  LawVector theta{};         // centred
  double objective = 0;      // sum of weight x Huber
  double gradient_norm = 0;  // max norm in uncentred (ln E, ln A, ln B, alpha, beta)
  int steps = 0;
  bool converged = false;  // gradient_norm <= 1e-9 x delta x sum of weights
};

Descent newton_descent(const Points& points, const LawVector& start, const NewtonOptions& options);

// The objective alone; theta is centred.
double huber_sum(const Points& points, const LawVector& theta, double huber_delta);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_NEWTON_H_
