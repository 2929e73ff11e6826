// A fit of form_fit.h as its optimisers see it: rows with weights, fitted coordinates, and the
// objective with its derivatives.
//
// Fitted coordinates u are the parameters that are neither fixed nor tied, as logarithms where the
// form says so. A tied parameter shares its coordinate, so its derivative adds to the other's.
#ifndef ISOFLOP_FIT_FORM_PROBLEM_H_
#define ISOFLOP_FIT_FORM_PROBLEM_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/observation.h"
#include "fit/form_fit.h"
#include "law/constraints.h"
#include "law/law_form.h"
#include "law/law_point.h"

namespace isoflop {

// Where a parameter of the form gets its value.
struct FormSlot {
  int coordinate = -1;  // index of u; -1: fixed
  double fixed = 0;
};

struct FormCoordinate {
  std::size_t parameter = 0;  // the form's, whose bounds and logarithm it has
  bool logarithmic = false;
  bool linear = false;  // all its parameters are
  double low = 0, high = 0;
  double start_low = 0, start_high = 0;
};

struct FormPrior {
  std::size_t parameter = 0;
  double mean = 0;
  double sd = 1;
};

struct FormProblem {
  const LawForm* form = nullptr;
  std::vector<LawPoint> points;
  std::vector<double> targets;  // as measured
  std::vector<double> goals;    // in the fit's space
  std::vector<double> weights;  // 1, or how often a resample has the row; 0 is skipped
  FitSpace space = FitSpace::kLn;
  double delta = 0;        // of Huber; infinite: least squares
  double psi_scale = 0;    // typical |psi|, for tolerances
  double prior_scale = 0;  // s of form_fit.h; 0: priors count nothing
  std::vector<FormSlot> slots;
  std::vector<FormCoordinate> coordinates;
  std::vector<FormPrior> priors;
  std::vector<std::string> not_fitted;

  std::size_t size() const { return points.size(); }
  std::size_t free() const { return coordinates.size(); }
};

// Checks everything that can be wrong with rows, constraints and options (see fit_form).
FormProblem make_form_problem(const LawForm& form, std::span<const Observation> observations,
                              const FormFitOptions& options);

std::vector<double> form_values(const FormProblem& problem, const std::vector<double>& u);
std::vector<double> form_coordinates(const FormProblem& problem, std::span<const double> values);

// Row i's residual; where gradient is not null, its free() derivatives by u. NaN where the form has
// no value. `scratch` keeps the form's own derivatives between calls.
double form_residual(const FormProblem& problem, std::size_t i, const std::vector<double>& values,
                     double* gradient, std::vector<double>& scratch);

double form_huber(double r, double delta);

// The data's part and the priors' part of the objective.
double form_data_objective(const FormProblem& problem, const std::vector<double>& values);
double form_prior_objective(const FormProblem& problem, const std::vector<double>& values);
double form_objective(const FormProblem& problem, const std::vector<double>& u);

// The residual of a prior, (value - mean) / sd, and its derivative by its coordinate.
struct PriorResidual {
  double value = 0;
  double slope = 0;
  int coordinate = -1;
};
PriorResidual prior_residual(const FormProblem& problem, const FormPrior& prior,
                             const std::vector<double>& values);

double form_to_space(double value, FitSpace space);

// Where psi's mean derivative is taken: delta, or as far as two fifths of the residuals lie beyond
// the p that an L1-like fit makes zero.
double form_noise_window(std::vector<double> residuals, double delta, std::size_t p);

// s of form_fit.h, from residuals of rows with weight 1 around an optimum of p coordinates.
double form_noise_scale(const std::vector<double>& residuals, double delta, std::size_t p);

std::vector<double> form_residuals(const FormProblem& problem, const std::vector<double>& values);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_PROBLEM_H_
