#include "fit/identifiability.h"

#include <Eigen/Core>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/interval.h"
#include "core/units.h"
#include "fit/isoflop_profiles.h"
#include "fit/points.h"
#include "fit/residuals.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr double kSameValue = 1e-9;
constexpr std::size_t kRowsOfABudget = 3;
constexpr double kSingular = 1e13;

using JacobianMatrix = Eigen::Matrix<double, Eigen::Dynamic, 5>;

// Derivatives of ln L by theta; `x0` and `y0` are taken off ln N and ln D.
JacobianMatrix jacobian_of(const LawVector& theta, std::span<const Observation> rows, double x0,
                           double y0) {
  JacobianMatrix out(static_cast<Eigen::Index>(rows.size()), 5);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    LawVector g{};
    log_loss(theta, std::log(rows[i].params) - x0, std::log(rows[i].tokens) - y0, g);
    for (Eigen::Index j = 0; j < 5; ++j) {
      out(static_cast<Eigen::Index>(i), j) = g[static_cast<std::size_t>(j)];
    }
  }
  return out;
}

double condition_of(const JacobianMatrix& jacobian) {
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd{Eigen::MatrixXd(jacobian)};
  const auto& values = svd.singularValues();
  const double smallest = values[values.size() - 1];
  return smallest > 0 ? std::min(values[0] / smallest, 1e300) : 1e300;
}

double condition_scaled(JacobianMatrix jacobian) {
  for (Eigen::Index j = 0; j < 5; ++j) {
    const double length = jacobian.col(j).norm();
    if (length > 0) jacobian.col(j) /= length;
  }
  return condition_of(jacobian);
}

// (J'J)^-1 of a Jacobian with unit columns and their lengths, to keep its digits.
void fill_covariance(const JacobianMatrix& jacobian, double sd, Identifiability& out) {
  Eigen::Matrix<double, 5, 1> length;
  JacobianMatrix unit = jacobian;
  for (Eigen::Index j = 0; j < 5; ++j) {
    length[j] = jacobian.col(j).norm();
    if (!(length[j] > 0)) return;
    unit.col(j) /= length[j];
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(Eigen::MatrixXd(unit), Eigen::ComputeThinV);
  const auto& values = svd.singularValues();
  if (!(values[4] * kSingular > values[0])) return;
  const Eigen::MatrixXd half = svd.matrixV() * values.cwiseInverse().asDiagonal();
  const Eigen::MatrixXd covariance = half * half.transpose();
  for (Eigen::Index i = 0; i < 5; ++i) {
    const double error = std::sqrt(covariance(i, i));
    out.standard_errors.push_back(sd * std::sqrt(M_PI / 2) * error / length[i]);
    std::vector<double>& row = out.correlation.emplace_back();
    for (Eigen::Index j = 0; j < 5; ++j) {
      row.push_back(i == j ? 1 : covariance(i, j) / (error * std::sqrt(covariance(j, j))));
    }
  }
}

int distinct_values(std::span<const Observation> rows, double Observation::*member) {
  std::vector<double> values;
  for (const Observation& row : rows) values.push_back(row.*member);
  std::sort(values.begin(), values.end());
  const auto end = std::unique(values.begin(), values.end(),
                               [](double a, double b) { return b - a <= kSameValue * a; });
  return static_cast<int>(end - values.begin());
}

// How well ln D follows ln N along one line of slope 1 or any other positive one.
double log_correlation(const Points& points) {
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    xx += points.x[i] * points.x[i];
    xy += points.x[i] * points.y[i];
    yy += points.y[i] * points.y[i];
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

void fill_design(std::span<const Observation> rows, double budget, Identifiability& out) {
  out.sizes = distinct_values(rows, &Observation::params);
  out.token_counts = distinct_values(rows, &Observation::tokens);
  for (const BudgetGroup& group : group_by_budget(rows)) {
    out.budgets += group.rows.size() >= kRowsOfABudget;
  }
  double largest = 0;
  double smallest = INFINITY;
  out.tokens_per_param_low = INFINITY;
  for (const Observation& row : rows) {
    const double ratio = row.tokens / row.params;
    out.tokens_per_param_low = std::min(out.tokens_per_param_low, ratio);
    out.tokens_per_param_high = std::max(out.tokens_per_param_high, ratio);
    largest = std::max(largest, row.flops);
    smallest = std::min(smallest, row.flops);
  }
  out.flops_span = largest / smallest;
  out.extrapolation = budget / largest;
}

void warn_of_design(const Identifiability& id, std::vector<Warning>& out) {
  if (id.flops_span < 10 || id.budgets == 2) {
    out.push_back(
        {"few_budgets",
         fmt::format("the runs' C spans a factor of {:.3g}{}: how N* grows with C rests on "
                     "little; add a larger budget",
                     id.flops_span, id.budgets == 2 ? " in two budgets" : "")});
  }
  if (id.tokens_per_param_correlation > 0.98) {
    out.push_back(
        {"ladder",
         fmt::format("D grows with N in step (correlation {:.3f}): what is due to N and "
                     "what to D cannot be told apart; add runs of the same size with other "
                     "D",
                     id.tokens_per_param_correlation)});
  } else if (id.tokens_per_param_high < 4 * id.tokens_per_param_low) {
    out.push_back(
        {"narrow_ratio",
         fmt::format("tokens per parameter span {:.3g} to {:.3g} only: the best ratio may "
                     "lie outside; add longer and shorter runs",
                     id.tokens_per_param_low, id.tokens_per_param_high)});
  }
  if (id.condition_scaled > 1e4) {
    out.push_back({"ill_conditioned",
                   fmt::format("the runs hardly tell the five parameters apart (condition number "
                               "{:.2g}): coefficients are arbitrary, look at N* and its interval",
                               id.condition_scaled)});
  }
}

void warn_of_exponents(const Identifiability& id, const LawParameters& law,
                       std::vector<Warning>& out) {
  const struct {
    const char* name;
    double value;
    std::size_t index;
  } exponents[] = {{"alpha", law.alpha, 3}, {"beta", law.beta, 4}};
  for (const auto& e : exponents) {
    if (e.value < 0.02 || e.value > 1.5) {
      out.push_back({"exponent_at_bound",
                     fmt::format("{} = {:.3g}: its term is {} over these runs: they cannot tell it "
                                 "from {}",
                                 e.name, e.value, e.value < 1 ? "constant" : "gone but for a few",
                                 e.value < 1 ? "E" : "no term at all")});
    } else if (!id.standard_errors.empty() && id.standard_errors[e.index] > e.value / 3) {
      out.push_back(
          {"exponent_unsure", fmt::format("{} = {:.3g} +- {:.2g}: known to no better than a third",
                                          e.name, e.value, id.standard_errors[e.index])});
    }
  }
}

void warn_of_reach(const Identifiability& id, double ratio, std::vector<Warning>& out) {
  if (id.extrapolation > 1000) {
    out.push_back({"far_extrapolation",
                   fmt::format("the budget is {:.3g} times the largest C of the runs: no interval "
                               "covers a law that changes on the way",
                               id.extrapolation)});
  }
  if (!(ratio > 0)) return;
  if (ratio > 2 * id.tokens_per_param_high || 2 * ratio < id.tokens_per_param_low) {
    out.push_back({"ratio_outside",
                   fmt::format("the optimum has {:.3g} tokens per parameter, the runs {:.3g} to "
                               "{:.3g}: the law is asked where it saw nothing",
                               ratio, id.tokens_per_param_low, id.tokens_per_param_high)});
  }
}

}  // namespace

Identifiability study_identifiability(const LawParameters& law,
                                      std::span<const Observation> observations, double budget) {
  Identifiability out;
  if (observations.empty()) return out;
  const Points points = make_points(observations);
  const LawVector theta = to_vector(law);
  const JacobianMatrix plain = jacobian_of(theta, observations, 0, 0);
  out.condition = condition_of(plain);
  out.condition_scaled = condition_scaled(
      jacobian_of(centred(theta, points), observations, points.x_mean, points.y_mean));
  std::vector<double> sizes;
  for (const double r : log_residuals(law, observations)) sizes.push_back(std::abs(r));
  fill_covariance(plain, 1.4826 * quantile(sizes, 0.5), out);
  out.tokens_per_param_correlation = log_correlation(points);
  fill_design(observations, budget, out);
  return out;
}

std::vector<Warning> warnings_of(const Identifiability& identifiability, const LawParameters& law,
                                 double optimal_tokens_per_param) {
  std::vector<Warning> out;
  warn_of_design(identifiability, out);
  warn_of_exponents(identifiability, law, out);
  warn_of_reach(identifiability, optimal_tokens_per_param, out);
  return out;
}

}  // namespace isoflop
