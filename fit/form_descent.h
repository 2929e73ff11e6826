// One start of a fit of form_problem.h to its end: Ceres' Levenberg-Marquardt with HuberLoss and
// bounds brings it near, form_newton.h finishes.
#ifndef ISOFLOP_FIT_FORM_DESCENT_H_
#define ISOFLOP_FIT_FORM_DESCENT_H_

#include <vector>

#include "fit/form_newton.h"
#include "fit/form_problem.h"

namespace isoflop {

// All weights are 1; `start` lies within the bounds.
FormDescent form_descent(const FormProblem& problem, const std::vector<double>& start);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_DESCENT_H_
