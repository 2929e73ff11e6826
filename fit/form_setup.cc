// make_form_problem of form_problem.h: rows, constraints and options into a problem, or an error.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <set>

#include "core/error.h"
#include "fit/form_problem.h"

namespace isoflop {
namespace {

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

}  // namespace isoflop
