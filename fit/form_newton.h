// Damped Newton steps on the objective of form_problem.h, within its bounds: the end of every start
// and the whole of a warm-started refit.
//
// The second derivatives of the residuals, which Levenberg-Marquardt drops and without which it
// creeps where most residuals are beyond delta, come as the forward difference of a gradient with
// psi held: sum_i psi_i Hess r_i. At a bound that the gradient pushes against, a coordinate rests.
#ifndef ISOFLOP_FIT_FORM_NEWTON_H_
#define ISOFLOP_FIT_FORM_NEWTON_H_

#include <vector>

#include "fit/form_problem.h"

namespace isoflop {

struct FormDescent {
  std::vector<double> u;
  double objective = 0;      // with priors; infinite where the form has no value
  double gradient_norm = 0;  // projected, max norm
  bool converged = false;
};

// `start` lies within the bounds.
FormDescent form_newton(const FormProblem& problem, const std::vector<double>& start);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_NEWTON_H_
