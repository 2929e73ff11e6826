// One start of a fit of form_problem.h to its end: Ceres' Levenberg-Marquardt with HuberLoss and
// bounds brings it near, damped Newton steps finish.
//
// The Newton steps have the second derivatives of the residuals, which Levenberg-Marquardt drops
// and without which it creeps where most residuals are beyond delta: their sum, weighted by psi, is
// the forward difference of a gradient with psi held. At a bound that the gradient pushes against,
// a coordinate rests.
#ifndef ISOFLOP_FIT_FORM_DESCENT_H_
#define ISOFLOP_FIT_FORM_DESCENT_H_

#include <vector>

#include "fit/form_problem.h"

namespace isoflop {

struct FormDescent {
  std::vector<double> u;
  double objective = 0;      // with priors
  double gradient_norm = 0;  // projected, max norm
  bool converged = false;
};

// Any weights. `start` lies within the bounds.
FormDescent form_newton(const FormProblem& problem, const std::vector<double>& start);

// All weights 1.
FormDescent form_descent(const FormProblem& problem, const std::vector<double>& start);

// Of J'J, columns scaled to 1; infinite where a coordinate has no effect.
double form_condition_number(const FormProblem& problem, const std::vector<double>& u);

// sqrt(s / (J'J restricted to residuals' share of curvature))_jj, a first step width for profiles;
// infinite where J'J is singular.
std::vector<double> form_standard_errors(const FormProblem& problem, const std::vector<double>& u,
                                         double noise_scale);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_DESCENT_H_
