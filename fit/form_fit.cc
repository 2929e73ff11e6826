#include "fit/form_fit.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/interval.h"
#include "core/units.h"
#include "fit/form_descent.h"
#include "fit/form_draws.h"
#include "fit/form_problem.h"
#include "fit/form_spread.h"
#include "fit/form_starts.h"
#include "fit/parallel.h"
#include "fit/row_sample.h"

namespace isoflop {
namespace {

constexpr double kSameEnd = 1e-6;  // relative, of objectives
constexpr std::size_t kKeptEnds = 4;
constexpr double kIllConditioned = 1e13;

// Rounding's share of an objective: exact data end near zero, where no relative test can hold.
double rounding_floor(const FormProblem& problem) {
  return 1e-12 * problem.psi_scale * problem.psi_scale * static_cast<double>(problem.size());
}

bool same_end(double objective, double best, double floor) {
  return objective <= best * (1 + kSameEnd) + floor;
}

// Best first; a converged end before an equal one that is not.
void sort_form_ends(std::vector<FormDescent>& ends, double floor) {
  std::erase_if(ends, [](const FormDescent& end) { return !std::isfinite(end.objective); });
  std::stable_sort(ends.begin(), ends.end(), [](const FormDescent& a, const FormDescent& b) {
    return a.objective < b.objective;
  });
  const auto first = std::find_if(ends.begin(), ends.end(), [&](const FormDescent& end) {
    return end.converged && same_end(end.objective, ends.front().objective, floor);
  });
  if (first != ends.end()) std::rotate(ends.begin(), first, first + 1);
}

std::vector<FormDescent> descend_all(const FormProblem& problem,
                                     const std::vector<std::vector<double>>& starts, int threads) {
  std::vector<FormDescent> ends(starts.size());
  parallel_for(static_cast<int>(starts.size()), threads, [&](int i) {
    const auto k = static_cast<std::size_t>(i);
    ends[k] = form_descent(problem, starts[k]);
  });
  return ends;
}

// Of many rows a sample shows the way; only the last steps see them all, once for each place where
// the sample's descents end.
std::vector<FormDescent> descend_through_sample(const FormProblem& problem,
                                                const std::vector<std::vector<double>>& starts,
                                                int threads) {
  const FormProblem sample = sampled_problem(problem);
  const double floor = rounding_floor(sample);
  std::vector<std::vector<double>> places;
  std::vector<double> objectives;
  std::vector<std::size_t> place_of;
  for (FormDescent& end : descend_all(sample, starts, threads)) {
    const auto same = std::find_if(objectives.begin(), objectives.end(), [&](double objective) {
      return same_end(end.objective, objective, floor) && same_end(objective, end.objective, floor);
    });
    place_of.push_back(static_cast<std::size_t>(same - objectives.begin()));
    if (same != objectives.end()) continue;
    objectives.push_back(end.objective);
    places.push_back(std::move(end.u));
  }
  const std::vector<FormDescent> polished = descend_all(problem, places, threads);
  std::vector<FormDescent> ends;
  for (const std::size_t place : place_of) ends.push_back(polished[place]);
  return ends;
}

std::vector<FormDescent> all_ends(const FormProblem& problem, const FormFitOptions& options) {
  const auto starts =
      form_starts(problem, options.starts, options.refined, options.seed, options.threads);
  std::vector<FormDescent> ends = problem.size() > kMostScreenedRows
                                      ? descend_through_sample(problem, starts, options.threads)
                                      : descend_all(problem, starts, options.threads);
  sort_form_ends(ends, rounding_floor(problem));
  return ends;
}

double noise_scale_at(const FormProblem& problem, const std::vector<double>& u) {
  return form_noise_scale(form_residuals(problem, form_values(problem, u)), problem.delta,
                          problem.free());
}

void count_form_ends(const std::vector<FormDescent>& ends, const FormProblem& problem,
                     FormFit& fit) {
  const double floor = rounding_floor(problem);
  double last = fit.objective_with_priors;
  for (const FormDescent& end : ends) {
    if (same_end(end.objective, fit.objective_with_priors, floor)) {
      ++fit.starts_agreeing;
    } else if (end.converged && !same_end(end.objective, last, floor)) {
      if (fit.second_best == 0) fit.second_best = end.objective;
      last = end.objective;
      if (fit.other_optima.size() < kKeptEnds) {
        fit.other_optima.push_back(form_values(problem, end.u));
      }
    }
  }
}

FormObjective objective_at(const FormProblem& problem, const std::vector<double>& values) {
  FormObjective out;
  std::vector<double> scratch;
  double mean = 0, squares = 0, total = 0, residuals = 0, largest = 0;
  const auto n = static_cast<double>(problem.size());
  for (const double target : problem.targets) {
    mean += target / n;
    largest = std::max(largest, std::abs(target));
  }
  for (std::size_t i = 0; i < problem.size(); ++i) {
    const double r = form_residual(problem, i, values, nullptr, scratch);
    // In units of the largest, so that squares are numbers.
    const double plain =
        (problem.form->predict(values, problem.points[i], nullptr) - problem.targets[i]) / largest;
    const double from_mean = (problem.targets[i] - mean) / largest;
    squares += r * r;
    residuals += plain * plain;
    total += from_mean * from_mean;
  }
  out.objective = form_data_objective(problem, values);
  out.residual_rms = std::sqrt(squares / n);
  out.r_squared = total > 0 ? 1 - residuals / total : 0;
  return out;
}

void form_warning(FormFit& fit, std::string code, std::string message) {
  fit.warnings.push_back({.code = std::move(code), .message = std::move(message)});
}

void warn_of_form_starts(FormFit& fit) {
  const bool rival = fit.second_best > 0 && fit.second_best < 1.01 * fit.objective_with_priors;
  if (!rival && (fit.starts_agreeing >= 2 || fit.starts_tried < 2)) return;
  form_warning(
      fit, "starts_disagree",
      fmt::format("{} of {} starts reached the best objective {}{}", fit.starts_agreeing,
                  fit.starts_tried, exact_number(fit.objective_with_priors),
                  rival ? fmt::format("; another optimum has {}", exact_number(fit.second_best))
                        : std::string("; fit again with more starts")));
}

void find_bounds(const FormProblem& problem, const std::vector<double>& u, FormFit& fit) {
  for (std::size_t k = 0; k < u.size(); ++k) {
    const FormCoordinate& c = problem.coordinates[k];
    const double near = 1e-9 * (1 + std::abs(u[k]));
    if (u[k] > c.low + near && u[k] < c.high - near) continue;
    const std::string name(problem.form->parameters[c.parameter].name);
    fit.at_bound.push_back(name);
    form_warning(fit, "parameter_at_bound",
                 fmt::format("{} = {:.4g} lies at {}: the data would have it beyond, or do not "
                             "determine it",
                             name, fit.values[c.parameter],
                             u[k] <= c.low + near ? "its lower bound" : "its upper bound"));
  }
}

void warn_of_form_fit(const FormProblem& problem, const std::vector<double>& u, FormFit& fit) {
  if (fit.status != FitStatus::kConverged) {
    form_warning(fit, "not_converged",
                 fmt::format("the fit did not converge: gradient {:.2e} at the best of {} starts; "
                             "the numbers are where it stopped",
                             fit.gradient_norm, fit.starts_tried));
  }
  warn_of_form_starts(fit);
  find_bounds(problem, u, fit);
  if (fit.condition_number > kIllConditioned) {
    form_warning(fit, "ill_conditioned",
                 fmt::format("the parameters are not told apart by these rows (condition {:.1e}): "
                             "trust predictions within the data only, or fix some",
                             fit.condition_number));
  }
}

FormFit summarised(const std::vector<FormDescent>& ends, int tried, const FormProblem& problem) {
  FormFit fit;
  fit.form = problem.form->name;
  fit.names = parameter_names(*problem.form);
  fit.not_fitted = problem.not_fitted;
  fit.space = problem.space;
  fit.huber_delta = std::isinf(problem.delta) ? 0 : problem.delta;
  fit.observations = static_cast<int>(problem.size());
  fit.starts_tried = tried;
  if (ends.empty()) {
    fit.status = FitStatus::kNotConverged;
    form_warning(fit, "not_converged", "no start led to a finite objective");
    return fit;
  }
  const FormDescent& best = ends.front();
  fit.status = best.converged ? FitStatus::kConverged : FitStatus::kNotConverged;
  fit.values = form_values(problem, best.u);
  fit.objective_with_priors = best.objective;
  fit.gradient_norm = best.gradient_norm;
  const FormObjective at = objective_at(problem, fit.values);
  fit.objective = at.objective;
  fit.residual_rms = at.residual_rms;
  fit.r_squared = at.r_squared;
  fit.noise_scale = problem.priors.empty() ? noise_scale_at(problem, best.u) : problem.prior_scale;
  fit.condition_number = form_condition_number(problem, best.u);
  count_form_ends(ends, problem, fit);
  warn_of_form_fit(problem, best.u, fit);
  return fit;
}

void add_form_draws(const FormProblem& problem, std::span<const Observation> observations,
                    const FormFitOptions& options, FormFit& fit) {
  if (options.draws <= 0 || fit.values.empty()) return;
  std::vector<std::vector<double>> warm = {form_coordinates(problem, fit.values)};
  for (const auto& other : fit.other_optima) warm.push_back(form_coordinates(problem, other));
  FormDraws draws = form_draws(problem, observations, warm, options);
  fit.draws = std::move(draws.values);
  fit.draws_not_converged = draws.not_converged;
}

}  // namespace

FormFit fit_form(const LawForm& form, std::span<const Observation> observations,
                 const FormFitOptions& options) {
  FormProblem problem = make_form_problem(form, observations, options);
  std::vector<FormDescent> ends = all_ends(problem, options);
  if (!problem.priors.empty() && !ends.empty()) {
    // The first fit, without priors, says how much noise a prior competes with.
    problem.prior_scale = noise_scale_at(problem, ends.front().u);
    ends = all_ends(problem, options);
  }
  FormFit fit = summarised(ends, static_cast<int>(ends.size()), problem);
  add_form_draws(problem, observations, options, fit);
  return fit;
}

FormObjective objective_of(const LawForm& form, std::span<const double> values,
                           std::span<const Observation> observations,
                           const FormFitOptions& options) {
  if (values.size() != form.parameters.size()) {
    throw usage_error(fmt::format("law: {}: has {} parameters, {} values were given", form.name,
                                  form.parameters.size(), values.size()));
  }
  FormFitOptions all_fixed{.space = options.space, .huber_delta = options.huber_delta};
  for (std::size_t k = 0; k < values.size(); ++k) {
    all_fixed.constraints.push_back(
        {.name = std::string(form.parameters[k].name), .fixed = values[k]});
  }
  return objective_at(make_form_problem(form, observations, all_fixed),
                      {values.begin(), values.end()});
}

FormParameters form_parameters(const FormFit& fit) {
  return {.form = fit.form, .names = fit.names, .values = fit.values, .draws = fit.draws};
}

Interval predict_form(const FormParameters& law, const LawPoint& point, double level) {
  const LawForm& form = law_form(law.form);
  std::vector<double> draws;
  for (const std::vector<double>& values : law.draws) {
    draws.push_back(form.predict(values, point, nullptr));
  }
  return interval_over(form.predict(law.values, point, nullptr), std::move(draws), level);
}

}  // namespace isoflop
