// How well a fit's optimum is determined: its conditioning and its coordinates' errors.
#ifndef ISOFLOP_FIT_FORM_SPREAD_H_
#define ISOFLOP_FIT_FORM_SPREAD_H_

#include <vector>

#include "fit/form_problem.h"

namespace isoflop {

// Of J'J, columns scaled to 1; infinite where a coordinate has no effect.
double form_condition_number(const FormProblem& problem, const std::vector<double>& u);

// What rows that differ in noise do to one coordinate's estimate (Huber's sandwich): with
//   H = sum w_i grad r grad r',  w_i = delta / h where |r_i| <= h, else 0  (h: form_noise_window)
//   M = n / (n - p) sum psi_i^2 grad r grad r',  V = H^-1 M H^-1,
// error_k = sqrt(V_kk), and 2 (rise of the profiled objective) / scale_k is chi-square with one
// degree of freedom for scale_k = V_kk / (H^-1)_kk (Kent 1982). Infinite where H is singular.
struct FormSpread {
  std::vector<double> error;
  std::vector<double> scale;
};
FormSpread form_spread(const FormProblem& problem, const std::vector<double>& u);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_SPREAD_H_
