#include "fit/form_problem.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr double kLn10 = 2.302585092994045684;

// d(space) / d(value).
double space_slope(double value, FitSpace space) {
  if (space == FitSpace::kPlain) return 1;
  return space == FitSpace::kLn ? 1 / value : 1 / (kLn10 * value);
}

const ParameterConstraint* constraint_of(std::span<const ParameterConstraint> constraints,
                                         std::string_view name) {
  for (const ParameterConstraint& c : constraints) {
    if (c.name == name) return &c;
  }
  return nullptr;
}

std::size_t parameter_index(const LawForm& form, std::string_view name) {
  for (std::size_t k = 0; k < form.parameters.size(); ++k) {
    if (form.parameters[k].name == name) return k;
  }
  throw usage_error(fmt::format("law: {}: has no parameter {}", form.name, name));
}

// Its name when a constraint or the form ties the parameter, else empty.
std::string tie_of(const FormParameter& parameter, const ParameterConstraint* constraint) {
  if (constraint == nullptr) return std::string(parameter.tied_to);
  return constraint->tied_to.value_or("");
}

bool without_meaning(const FormParameter& parameter, std::span<const Observation> rows) {
  if (parameter.only_with.empty()) return false;
  return std::none_of(rows.begin(), rows.end(), [&](const Observation& row) {
    return coordinate(row, parameter.only_with).has_value();
  });
}

double middle(const FormParameter& p) {
  return p.logarithmic ? std::sqrt(p.start_low * p.start_high) : (p.start_low + p.start_high) / 2;
}

// Its value if it is not to be fitted.
std::optional<double> fixed_value(const FormParameter& parameter,
                                  const ParameterConstraint* constraint,
                                  std::span<const Observation> rows) {
  if (constraint != nullptr && constraint->fixed) return constraint->fixed;
  if (constraint == nullptr && parameter.fixed) return parameter.fixed;
  if (without_meaning(parameter, rows)) return middle(parameter);
  return std::nullopt;
}

void narrow_starts(const FormParameter& parameter, const ParameterConstraint* constraint,
                   std::span<const Observation> rows, FormCoordinate& out) {
  if (!parameter.starts_in.empty() && !rows.empty()) {
    out.start_low = std::numeric_limits<double>::infinity();
    out.start_high = -out.start_low;
    for (const Observation& row : rows) {
      const double x = coordinate(row, parameter.starts_in).value_or(middle(parameter));
      out.start_low = std::min(out.start_low, x);
      out.start_high = std::max(out.start_high, x);
    }
  }
  if (constraint != nullptr && constraint->prior_mean) {
    out.start_low = std::max(out.low, *constraint->prior_mean - 2 * *constraint->prior_sd);
    out.start_high = std::min(out.high, *constraint->prior_mean + 2 * *constraint->prior_sd);
  }
  out.start_low = std::clamp(out.start_low, out.low, out.high);
  out.start_high = std::clamp(out.start_high, out.low, out.high);
  if (out.start_low < out.start_high) return;
  out.start_low = out.low;
  out.start_high = out.high;
}

FormCoordinate make_coordinate(const LawForm& form, std::size_t k,
                               const ParameterConstraint* constraint,
                               std::span<const Observation> rows) {
  const FormParameter& parameter = form.parameters[k];
  FormCoordinate out{.parameter = k,
                     .logarithmic = parameter.logarithmic,
                     .linear = parameter.linear,
                     .low = parameter.low,
                     .high = parameter.high,
                     .start_low = parameter.start_low,
                     .start_high = parameter.start_high};
  if (constraint != nullptr) {
    out.low = std::max(out.low, constraint->low.value_or(out.low));
    out.high = std::min(out.high, constraint->high.value_or(out.high));
  }
  narrow_starts(parameter, constraint, rows, out);
  if (!out.logarithmic) return out;
  for (double* x : {&out.low, &out.high, &out.start_low, &out.start_high}) *x = std::log(*x);
  return out;
}

void place_parameters(FormProblem& problem, std::span<const ParameterConstraint> constraints,
                      std::span<const Observation> rows) {
  const LawForm& form = *problem.form;
  problem.slots.resize(form.parameters.size());
  std::vector<std::string> ties(form.parameters.size());
  for (std::size_t k = 0; k < form.parameters.size(); ++k) {
    const FormParameter& parameter = form.parameters[k];
    const ParameterConstraint* constraint = constraint_of(constraints, parameter.name);
    const std::optional<double> fixed = fixed_value(parameter, constraint, rows);
    if (!fixed) ties[k] = tie_of(parameter, constraint);
    if (fixed || !ties[k].empty()) problem.not_fitted.emplace_back(parameter.name);
    if (fixed) problem.slots[k].fixed = *fixed;
    if (fixed || !ties[k].empty()) continue;
    problem.slots[k].coordinate = static_cast<int>(problem.coordinates.size());
    problem.coordinates.push_back(make_coordinate(form, k, constraint, rows));
    if (constraint != nullptr && constraint->prior_mean) {
      problem.priors.push_back(
          {.parameter = k, .mean = *constraint->prior_mean, .sd = *constraint->prior_sd});
    }
  }
  for (std::size_t k = 0; k < ties.size(); ++k) {
    if (ties[k].empty()) continue;
    problem.slots[k] = problem.slots[parameter_index(form, ties[k])];
    const int c = problem.slots[k].coordinate;
    if (c >= 0 && !form.parameters[k].linear) {
      problem.coordinates[static_cast<std::size_t>(c)].linear = false;
    }
  }
}

void check_delta_of(double delta) {
  if (delta >= 0 && std::isfinite(delta)) return;
  throw usage_error(fmt::format(
      "huber delta: {}: must be positive, or 0 for least squares; most papers use 1e-3", delta));
}

double spread_of(const std::vector<double>& values) {
  double mean = 0, sum = 0;
  for (const double v : values) mean += v / static_cast<double>(values.size());
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

void place_rows(FormProblem& problem, std::span<const Observation> rows) {
  for (const Observation& row : rows) {
    const double target = target_of(*problem.form, row).value_or(0);
    const double goal = form_to_space(target, problem.space);
    if (!std::isfinite(goal)) {
      throw usage_error(fmt::format("law: {}: data row {}: {} has no logarithm; fit in plain space",
                                    problem.form->name, row.row + 1, target));
    }
    problem.points.push_back(law_point(row));
    problem.targets.push_back(target);
    problem.goals.push_back(goal);
  }
  problem.weights.assign(rows.size(), 1.0);
}

// Rows that differ in what the form looks at.
std::size_t distinct_rows(const FormProblem& problem, std::span<const Observation> rows) {
  std::set<std::vector<double>> seen;
  for (const Observation& row : rows) {
    std::vector<double> key;
    for (const std::string_view column : problem.form->needs) {
      key.push_back(coordinate(row, column).value_or(0));
    }
    for (const FormParameter& parameter : problem.form->parameters) {
      if (!parameter.only_with.empty()) {
        key.push_back(coordinate(row, parameter.only_with).value_or(0));
      }
    }
    seen.insert(key);
  }
  return seen.size();
}

void check_enough(const FormProblem& problem, std::span<const Observation> rows) {
  const std::size_t distinct = distinct_rows(problem, rows);
  if (distinct > problem.free()) return;
  throw refusal(
      "too_few_rows",
      fmt::format("law: {}: {} distinct rows cannot determine {} parameters; add runs, or "
                  "fix parameters (NAME=VALUE)",
                  problem.form->name, distinct, problem.free()));
}

}  // namespace

double form_to_space(double value, FitSpace space) {
  if (space == FitSpace::kPlain) return value;
  return space == FitSpace::kLn ? std::log(value) : std::log10(value);
}

FormProblem make_form_problem(const LawForm& form, std::span<const Observation> observations,
                              const FormFitOptions& options) {
  const double delta = options.huber_delta.value_or(form.huber_delta);
  check_delta_of(delta);
  check_coordinates(form, observations);
  FormProblem problem;
  problem.form = &form;
  problem.space = options.space.value_or(form.space);
  problem.delta = delta > 0 ? delta : std::numeric_limits<double>::infinity();
  place_rows(problem, observations);
  place_parameters(problem, joined_constraints(options.constraints, form), observations);
  check_enough(problem, observations);
  // A hundredth of the spread: what a residual of a useful law is at most.
  problem.psi_scale = std::min(problem.delta, 0.01 * spread_of(problem.goals) + 1e-12);
  return problem;
}

std::vector<double> form_values(const FormProblem& problem, const std::vector<double>& u) {
  std::vector<double> values(problem.slots.size());
  for (std::size_t k = 0; k < values.size(); ++k) {
    const FormSlot& slot = problem.slots[k];
    if (slot.coordinate < 0) {
      values[k] = slot.fixed;
      continue;
    }
    const auto c = static_cast<std::size_t>(slot.coordinate);
    values[k] = problem.coordinates[c].logarithmic ? std::exp(u[c]) : u[c];
  }
  return values;
}

std::vector<double> form_coordinates(const FormProblem& problem, std::span<const double> values) {
  std::vector<double> u;
  for (const FormCoordinate& c : problem.coordinates) {
    const double value = values[c.parameter];
    u.push_back(std::clamp(c.logarithmic ? std::log(value) : value, c.low, c.high));
  }
  return u;
}

double form_residual(const FormProblem& problem, std::size_t i, const std::vector<double>& values,
                     double* gradient, std::vector<double>& scratch) {
  scratch.resize(values.size());
  const double predicted = problem.form->predict(values, problem.points[i],
                                                 gradient == nullptr ? nullptr : scratch.data());
  const bool bad = problem.space != FitSpace::kPlain && !(predicted > 0);
  if (bad || !std::isfinite(predicted)) return std::numeric_limits<double>::quiet_NaN();
  if (gradient != nullptr) {
    std::fill_n(gradient, problem.free(), 0.0);
    const double slope = space_slope(predicted, problem.space);
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (problem.slots[k].coordinate < 0) continue;
      const auto c = static_cast<std::size_t>(problem.slots[k].coordinate);
      gradient[c] += slope * scratch[k] * (problem.coordinates[c].logarithmic ? values[k] : 1);
    }
    // Ceres stops, loudly, at a derivative that is not finite.
    const bool finite =
        std::all_of(gradient, gradient + problem.free(), [](double g) { return std::isfinite(g); });
    if (!finite) return std::numeric_limits<double>::quiet_NaN();
  }
  return form_to_space(predicted, problem.space) - problem.goals[i];
}

double form_huber(double r, double delta) {
  const double size = std::abs(r);
  return size <= delta ? 0.5 * r * r : delta * (size - 0.5 * delta);
}

double form_data_objective(const FormProblem& problem, const std::vector<double>& values) {
  std::vector<double> scratch;
  double sum = 0;
  for (std::size_t i = 0; i < problem.size(); ++i) {
    if (problem.weights[i] == 0) continue;
    const double r = form_residual(problem, i, values, nullptr, scratch);
    if (std::isnan(r)) return std::numeric_limits<double>::infinity();
    sum += problem.weights[i] * form_huber(r, problem.delta);
  }
  return sum;
}

PriorResidual prior_residual(const FormProblem& problem, const FormPrior& prior,
                             const std::vector<double>& values) {
  const int c = problem.slots[prior.parameter].coordinate;
  const double value = values[prior.parameter];
  const bool logarithmic = c >= 0 && problem.coordinates[static_cast<std::size_t>(c)].logarithmic;
  return {(value - prior.mean) / prior.sd, (logarithmic ? value : 1) / prior.sd, c};
}

double form_prior_objective(const FormProblem& problem, const std::vector<double>& values) {
  double sum = 0;
  for (const FormPrior& prior : problem.priors) {
    const double r = prior_residual(problem, prior, values).value;
    sum += 0.5 * problem.prior_scale * r * r;
  }
  return sum;
}

double form_objective(const FormProblem& problem, const std::vector<double>& u) {
  const std::vector<double> values = form_values(problem, u);
  return form_data_objective(problem, values) + form_prior_objective(problem, values);
}

std::vector<double> form_residuals(const FormProblem& problem, const std::vector<double>& values) {
  std::vector<double> out, scratch;
  for (std::size_t i = 0; i < problem.size(); ++i) {
    out.push_back(form_residual(problem, i, values, nullptr, scratch));
  }
  return out;
}

double form_noise_window(std::vector<double> residuals, double delta, std::size_t p) {
  const std::size_t n = residuals.size();
  for (double& r : residuals) r = std::abs(r);
  std::sort(residuals.begin(), residuals.end());
  const std::size_t last = std::min(p, n) + (n - std::min(p, n)) * 2 / 5;
  return std::max(delta, residuals[std::min(last, n - 1)]);
}

double form_noise_scale(const std::vector<double>& residuals, double delta, std::size_t p) {
  const std::size_t n = residuals.size();
  if (n <= p) return 0;
  const double window = form_noise_window(residuals, delta, p);
  double psi = 0, inside = 0;
  for (const double r : residuals) {
    psi += std::min(r * r, delta * delta);
    inside += std::abs(r) <= window ? 1 : 0;
  }
  const double mean = psi / static_cast<double>(n - p);
  if (std::isinf(window)) return mean;
  return inside > 0 ? mean * static_cast<double>(n) / inside * window / delta : 0;
}

}  // namespace isoflop
