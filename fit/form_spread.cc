#include "fit/form_spread.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

// J'J over all rows.
Eigen::MatrixXd form_normal_matrix(const FormProblem& problem, const std::vector<double>& u) {
  const auto q = static_cast<Eigen::Index>(problem.free());
  const std::vector<double> values = form_values(problem, u);
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(q, q);
  Eigen::VectorXd row(q);
  std::vector<double> scratch;
  for (std::size_t i = 0; i < problem.size(); ++i) {
    form_residual(problem, i, values, row.data(), scratch);
    out += row * row.transpose();
  }
  return out;
}

}  // namespace

double form_condition_number(const FormProblem& problem, const std::vector<double>& u) {
  if (problem.free() == 0) return 1;
  Eigen::MatrixXd matrix = form_normal_matrix(problem, u);
  const Eigen::VectorXd scale = matrix.diagonal().cwiseSqrt();
  if (!(scale.minCoeff() > 0)) return std::numeric_limits<double>::infinity();
  matrix = scale.cwiseInverse().asDiagonal() * matrix * scale.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix, Eigen::EigenvaluesOnly);
  const double least = solver.eigenvalues().minCoeff();
  if (!(least > 0)) return std::numeric_limits<double>::infinity();
  return solver.eigenvalues().maxCoeff() / least;
}

FormSpread form_spread(const FormProblem& problem, const std::vector<double>& u) {
  const auto q = static_cast<Eigen::Index>(problem.free());
  const std::vector<double> unknown(u.size(), std::numeric_limits<double>::infinity());
  const std::vector<double> values = form_values(problem, u);
  const std::vector<double> residuals = form_residuals(problem, values);
  const double window = form_noise_window(residuals, problem.delta, problem.free());
  const double n = static_cast<double>(problem.size());
  Eigen::MatrixXd h = Eigen::MatrixXd::Zero(q, q), m = h;
  Eigen::VectorXd row(q);
  std::vector<double> scratch;
  for (std::size_t i = 0; i < problem.size(); ++i) {
    form_residual(problem, i, values, row.data(), scratch);
    const double psi = std::clamp(residuals[i], -problem.delta, problem.delta);
    const double inner = std::isinf(window) ? 1 : problem.delta / window;
    if (std::abs(residuals[i]) <= window) h += inner * row * row.transpose();
    m += psi * psi * n / (n - static_cast<double>(q)) * row * row.transpose();
  }
  const Eigen::LDLT<Eigen::MatrixXd> solver(h);
  if (solver.info() != Eigen::Success || !solver.isPositive()) return {unknown, unknown};
  const Eigen::MatrixXd inverse = solver.solve(Eigen::MatrixXd::Identity(q, q));
  const Eigen::MatrixXd variance = inverse * m * inverse;
  FormSpread out{unknown, unknown};
  for (std::size_t k = 0; k < u.size(); ++k) {
    const auto i = static_cast<Eigen::Index>(k);
    if (!(variance(i, i) > 0 && inverse(i, i) > 0 && std::isfinite(variance(i, i)))) continue;
    out.error[k] = std::sqrt(variance(i, i));
    out.scale[k] = variance(i, i) / inverse(i, i);
  }
  return out;
}

}  // namespace isoflop
