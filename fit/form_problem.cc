#include "fit/form_problem.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr double kLn10 = 2.302585092994045684;

// d(space) / d(value).
double space_slope(double value, FitSpace space) {
  if (space == FitSpace::kPlain) return 1;
  return space == FitSpace::kLn ? 1 / value : 1 / (kLn10 * value);
}

}  // namespace

double form_to_space(double value, FitSpace space) {
  if (space == FitSpace::kPlain) return value;
  return space == FitSpace::kLn ? std::log(value) : std::log10(value);
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
