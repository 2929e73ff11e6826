// Fits any law of law_form.h, with parameters fixed, bounded, tied or known a priori.
//
//   min over theta of  S(theta) + s / 2 sum_j ((theta_j - mean_j) / sd_j)^2,
//   S = sum_i Huber_delta(r_i),  r_i = ln prediction_i - ln measured_i  (or log10, or plain),
//   Huber_delta(r) = r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) beyond; delta = 0: r^2 / 2.
//
// s is the scale of the noise that turns S into a log-likelihood (noise_scale below): a prior
// counts like one more measurement, whatever delta is.
//
// Starts: a low-discrepancy set over the parameters that enter nonlinearly; those that enter
// linearly are solved for at each (variable projection). The best distinct ones go through Ceres'
// Levenberg-Marquardt with its HuberLoss and bounds, and then through damped Newton steps on the
// sum, with second derivatives by differences of the gradient, until the projected gradient is
//   max |g| <= 1e-8 x scale of a residual's psi x number of points
// in the fitted coordinates (logarithms where the form says so).
//
// noise_scale: s = [sum psi^2 / (n - p)] / share', psi = clamp(r, -delta, delta), share' = the mean
// of psi's derivative, which is the share of residuals within delta; where few are, it is taken
// from a wider window (two fifths of the residuals), so that it does not hang on the p residuals
// that an L1-like fit makes zero. For least squares s is the variance. 2 (S(theta) - S_min) / s is
// then asymptotically chi-square for any symmetric noise (Schrader and Hettmansperger 1980), not
// only for the density exp(-Huber / s).
//
// Deterministic: the same rows and options give the same bits, whatever the threads.
#ifndef ISOFLOP_FIT_FORM_FIT_H_
#define ISOFLOP_FIT_FORM_FIT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/form_parameters.h"
#include "core/law_parameters.h"
#include "core/observation.h"
#include "fit/parametric_fit.h"
#include "law/constraints.h"
#include "law/law_form.h"

namespace isoflop {

enum class FormResample {
  kRow,  // rows with replacement
  kRun,  // whole runs (Observation::run) with replacement; rows without a run are their own
};

struct FormFitOptions {
  std::optional<FitSpace> space;      // absent: the form's
  std::optional<double> huber_delta;  // absent: the form's; 0: least squares
  std::vector<ParameterConstraint> constraints;
  int starts = 1024;       // screened
  int refined = 16;        // of which are refined
  std::uint64_t seed = 0;  // of the starts and the draws
  int draws = 0;           // bootstrap refits
  FormResample resample = FormResample::kRow;
  int threads = 0;  // 0: as many as there are cores
};

struct FormFit {
  FitStatus status = FitStatus::kNotRun;
  std::string form;
  std::vector<std::string> names;  // of all parameters, in the form's order
  std::vector<double> values;
  std::vector<std::string> not_fitted;  // fixed, tied, or without meaning for these rows
  FitSpace space = FitSpace::kLn;
  double huber_delta = 0;
  int observations = 0;
  double objective = 0;              // S, without priors
  double objective_with_priors = 0;  // what was minimised
  double gradient_norm = 0;          // projected, max norm, fitted coordinates
  int starts_tried = 0;
  int starts_agreeing = 0;  // ended within 1e-6 relative of the best objective
  double second_best = 0;   // objective (with priors) of the next distinct end; 0: none was met
  std::vector<std::vector<double>> other_optima;  // values at other ends, best first, at most 4
  std::vector<std::string> at_bound;              // hard or of a constraint
  double residual_rms = 0;                        // in the fit's space
  double r_squared = 0;                           // of the target itself, not of its logarithm
  double noise_scale = 0;                         // s
  double condition_number = 0;  // of J'J at the optimum, fitted coordinates, columns scaled to 1
  std::vector<std::vector<double>> draws;  // each like `values`
  int draws_not_converged = 0;             // they stay in
  std::vector<Warning> warnings;           // not_converged, starts_disagree, parameter_at_bound,
                                           // ill_conditioned

  bool usable() const { return status == FitStatus::kConverged; }
};

// Throws Error(kUsage) for bad rows (check_coordinates), constraints or delta; Error(kRefused,
// "too_few_rows") when there are not more distinct rows than parameters to fit.
FormFit fit_form(const LawForm& form, std::span<const Observation> observations,
                 const FormFitOptions& options = {});

// S of given values, e.g. of a published law: space and delta from the options or the form.
struct FormObjective {
  double objective = 0;
  double residual_rms = 0;  // in the fit's space
  double r_squared = 0;     // of the target itself
};
FormObjective objective_of(const LawForm& form, std::span<const double> values,
                           std::span<const Observation> observations,
                           const FormFitOptions& options = {});

// What travels: the form's name, its numbers and draws.
FormParameters form_parameters(const FormFit& fit);

// The prediction and its interval over the draws (core/interval.h) at a point.
Interval predict_form(const FormParameters& law, const LawPoint& point, double level = 0.9);

}  // namespace isoflop

#endif  // ISOFLOP_FIT_FORM_FIT_H_
