// Profile likelihood: how far each parameter can be pushed before the data object, all others
// refitted. It shows what a covariance hides: a parameter that the data do not hold.
//
//   D(t) = 2 (min over the others of S at theta_j = t, minus S at the optimum) / s_j
//
// S is the summed objective of form_fit.h with priors. The noise model: errors of the fit's space
// are independent and symmetric; no density is assumed, because s_j is estimated from both moments
// of psi. It is the larger of two scales: form_fit.h's s, for noise alike in all rows, and the
// sandwich's of form_descent.h, for noise that differs between rows (on the 240 clean points of
// Besiroglu et al. 2024 it makes the intervals of E, alpha and beta as wide as a bootstrap's; s
// alone gives two thirds of that). The interval holds the t with D(t) <= q^2, q the two-sided
// quantile of Student's t with n - p degrees of freedom. Where rows of one run or budget share
// their error, intervals are too narrow: then bootstrap by run.
//
// The grid starts at the optimum with steps of half a standard error, widens while D
// stays low, and ends where D has passed the threshold or at a bound of the search. Refits are
// warm-started from the neighbour and from the fit's other optima.
//
// flat: the parameter is not identified. An end of the interval is a bound of the search (the
// form's or a constraint's), or the interval spans more than `flat_ratio` (high / low) for a
// parameter that is positive by nature.
#ifndef ISOFLOP_FIT_FORM_PROFILE_H_
#define ISOFLOP_FIT_FORM_PROFILE_H_

#include <span>
#include <string>
#include <vector>

#include "core/observation.h"
#include "fit/form_fit.h"
#include "law/law_form.h"

namespace isoflop {

struct ProfilePoint {
  double value = 0;
  double objective = 0;  // with priors, all other parameters refitted
};

struct ParameterProfile {
  std::string name;
  double value = 0;  // at the optimum
  double low = 0;    // ends of the interval; a bound of the search where that was reached
  double high = 0;
  double threshold = 0;   // rise of S that ends the interval: q^2 s / 2
  bool low_open = false;  // the interval runs into the bound
  bool high_open = false;
  bool flat = false;
  std::string why_flat;              // in words, when flat
  std::vector<ProfilePoint> points;  // ascending values
};

struct ProfileOptions {
  double level = 0.9;
  double flat_ratio = 4;
  int most_points = 40;  // a side
};

struct FormProfile {
  std::vector<ParameterProfile> parameters;  // the fitted ones, in the form's order
  // A refit that ended lower than the fit itself, beyond rounding: the fit was not at its optimum.
  std::vector<double> better_values;
  double better_objective = 0;
  std::vector<Warning> warnings;  // parameter_flat (one a parameter), better_optimum
};

// `fit` is of these observations with these options.
FormProfile profile_form(const LawForm& form, std::span<const Observation> observations,
                         const FormFit& fit, const FormFitOptions& options = {},
                         const ProfileOptions& profile = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_PROFILE_H_
