#include "fit/form_descent.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <ceres/cost_function.h>
#include <ceres/loss_function.h>
#include <ceres/problem.h>
#include <ceres/solver.h>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr double kTolerance = 1e-8;  // of the gradient, in psi_scale x rows
constexpr double kFormRounding = 1e-11;
constexpr double kFarDamping = 1e20;
constexpr int kMostNewtonSteps = 300;
constexpr double kDifference = 1e-6;

using Index = Eigen::Index;

// The objective's local quadratic model at u.
struct FormModel {
  double value = 0;
  Eigen::VectorXd gradient;
  Eigen::MatrixXd hessian;
  Eigen::VectorXd scale;  // diagonal of sum w grad r grad r'
};

// sum_i w_i psi_i grad r_i(u) with psi given; false where the form has no value.
bool weighted_gradient(const FormProblem& problem, const std::vector<double>& u,
                       const std::vector<double>& psi, Eigen::VectorXd& out) {
  const std::vector<double> values = form_values(problem, u);
  Eigen::VectorXd row(static_cast<Index>(problem.free()));
  std::vector<double> scratch;
  out.setZero(row.size());
  for (std::size_t i = 0; i < problem.size(); ++i) {
    if (psi[i] == 0) continue;
    if (std::isnan(form_residual(problem, i, values, row.data(), scratch))) return false;
    out += psi[i] * row;
  }
  return out.allFinite();
}

void add_priors(const FormProblem& problem, const std::vector<double>& values, FormModel& m) {
  for (const FormPrior& prior : problem.priors) {
    const PriorResidual r = prior_residual(problem, prior, values);
    const double s = problem.prior_scale;
    m.value += 0.5 * s * r.value * r.value;
    m.gradient[r.coordinate] += s * r.value * r.slope;
    m.hessian(r.coordinate, r.coordinate) += s * r.slope * r.slope;
    m.scale[r.coordinate] += s * r.slope * r.slope;
  }
}

// First derivatives and Gauss-Newton part; fills psi (times weight). False without a value.
bool first_order(const FormProblem& problem, const std::vector<double>& u, FormModel& m,
                 std::vector<double>& psi) {
  const auto q = static_cast<Index>(problem.free());
  m = {.value = 0,
       .gradient = Eigen::VectorXd::Zero(q),
       .hessian = Eigen::MatrixXd::Zero(q, q),
       .scale = Eigen::VectorXd::Zero(q)};
  const std::vector<double> values = form_values(problem, u);
  Eigen::VectorXd row(q);
  std::vector<double> scratch;
  psi.assign(problem.size(), 0.0);
  for (std::size_t i = 0; i < problem.size(); ++i) {
    const double w = problem.weights[i];
    if (w == 0) continue;
    const double r = form_residual(problem, i, values, row.data(), scratch);
    if (std::isnan(r)) return false;
    psi[i] = w * std::clamp(r, -problem.delta, problem.delta);
    m.value += w * form_huber(r, problem.delta);
    m.gradient += psi[i] * row;
    m.scale += w * row.cwiseAbs2();
    if (std::abs(r) <= problem.delta) {
      m.hessian.selfadjointView<Eigen::Lower>().rankUpdate(row, w);
    }
  }
  m.hessian = Eigen::MatrixXd(m.hessian.selfadjointView<Eigen::Lower>());
  add_priors(problem, values, m);
  return std::isfinite(m.value) && m.gradient.allFinite();
}

// Adds sum psi Hess r by forward differences of the gradient with psi held.
void add_curvature(const FormProblem& problem, const std::vector<double>& u,
                   const std::vector<double>& psi, FormModel& m) {
  Eigen::VectorXd here, there;
  if (!weighted_gradient(problem, u, psi, here)) return;
  Eigen::MatrixXd curvature = Eigen::MatrixXd::Zero(m.hessian.rows(), m.hessian.cols());
  for (std::size_t k = 0; k < u.size(); ++k) {
    const double step = kDifference * std::max(1.0, std::abs(u[k]));
    std::vector<double> moved = u;
    moved[k] += u[k] + step > problem.coordinates[k].high ? -step : step;
    if (!weighted_gradient(problem, moved, psi, there)) return;
    curvature.col(static_cast<Index>(k)) = (there - here) / (moved[k] - u[k]);
  }
  m.hessian += 0.5 * (curvature + curvature.transpose());
}

bool form_model(const FormProblem& problem, const std::vector<double>& u, FormModel& m) {
  std::vector<double> psi;
  if (!first_order(problem, u, m, psi)) return false;
  add_curvature(problem, u, psi, m);
  return true;
}

// Coordinates at a bound that the objective pushes against, or without room to move.
std::vector<bool> resting(const FormProblem& problem, const std::vector<double>& u,
                          const FormModel& m) {
  std::vector<bool> out(u.size());
  for (std::size_t k = 0; k < u.size(); ++k) {
    const FormCoordinate& c = problem.coordinates[k];
    const double g = m.gradient[static_cast<Index>(k)];
    out[k] = c.low >= c.high || (u[k] <= c.low && g > 0) || (u[k] >= c.high && g < 0);
  }
  return out;
}

double projected_norm(const FormProblem& problem, const std::vector<double>& u,
                      const FormModel& m) {
  const std::vector<bool> rests = resting(problem, u, m);
  double norm = 0;
  for (std::size_t k = 0; k < u.size(); ++k) {
    if (!rests[k]) norm = std::max(norm, std::abs(m.gradient[static_cast<Index>(k)]));
  }
  return norm;
}

// The damped step over the coordinates that do not rest; lambda is raised until the matrix is
// positive definite.
Eigen::VectorXd damped_form_step(const FormModel& m, const std::vector<bool>& rests,
                                 double& lambda) {
  const double least = 1e-12 * m.scale.maxCoeff() + 1e-300;
  Eigen::MatrixXd hessian = m.hessian;
  Eigen::VectorXd right = -m.gradient;
  for (std::size_t k = 0; k < rests.size(); ++k) {
    if (!rests[k]) continue;
    const auto i = static_cast<Index>(k);
    hessian.row(i).setZero();
    hessian.col(i).setZero();
    hessian(i, i) = m.scale.maxCoeff() + 1e-300;
    right[i] = 0;
  }
  while (lambda < kFarDamping) {
    Eigen::MatrixXd damped = hessian;
    damped.diagonal() += lambda * m.scale.cwiseMax(least);
    const Eigen::LLT<Eigen::MatrixXd> cholesky(damped);
    if (cholesky.info() == Eigen::Success) {
      const Eigen::VectorXd step = cholesky.solve(right);
      if (step.allFinite()) return step;
    }
    lambda = std::max(lambda * 10, 1e-12);
  }
  return Eigen::VectorXd::Zero(right.size());
}

// u + step within the bounds; step becomes what was done.
std::vector<double> moved_within(const FormProblem& problem, const std::vector<double>& u,
                                 Eigen::VectorXd& step) {
  std::vector<double> out = u;
  for (std::size_t k = 0; k < u.size(); ++k) {
    const auto i = static_cast<Index>(k);
    out[k] = std::clamp(u[k] + step[i], problem.coordinates[k].low, problem.coordinates[k].high);
    step[i] = out[k] - u[k];
  }
  return out;
}

// One tried step, as in newton.cc: near the optimum, where the gain drowns in rounding, a step is
// good when it makes the gradient smaller.
void try_form_step(const FormProblem& problem, FormDescent& out, FormModel& m, double& lambda) {
  Eigen::VectorXd step = damped_form_step(m, resting(problem, out.u, m), lambda);
  const std::vector<double> next = moved_within(problem, out.u, step);
  const double gained = m.value - form_objective(problem, next);
  const double promised = -(m.gradient.dot(step) + 0.5 * step.dot(m.hessian * step));
  const double rounding = kFormRounding * m.value;
  const bool blind = std::abs(promised) <= rounding && std::abs(gained) <= rounding;
  if (blind || (gained > 0 && gained > 1e-4 * promised)) {
    FormModel there;
    if (form_model(problem, next, there) &&
        (!blind ||
         projected_norm(problem, next, there) < 0.9 * projected_norm(problem, out.u, m))) {
      out.u = next;
      m = std::move(there);
      if (blind || gained > 0.75 * promised) lambda /= 10;
      if (!blind && gained < 0.25 * promised) lambda *= 4;
      return;
    }
  }
  lambda = std::max(lambda * 8, 1e-12);
}

double form_tolerance(const FormProblem& problem) {
  double rows = 0;
  for (const double w : problem.weights) rows += w;
  return kTolerance * problem.psi_scale * rows;
}

// Residual of one row for Ceres.
class FormRowCost final : public ceres::CostFunction {
 public:
  FormRowCost(const FormProblem& problem, std::size_t row) : problem_(problem), row_(row) {
    set_num_residuals(1);
    mutable_parameter_block_sizes()->push_back(static_cast<int>(problem.free()));
  }

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    const std::vector<double> u(parameters[0], parameters[0] + problem_.free());
    std::vector<double> scratch;
    double* gradient = jacobians == nullptr ? nullptr : jacobians[0];
    residuals[0] = form_residual(problem_, row_, form_values(problem_, u), gradient, scratch);
    return std::isfinite(residuals[0]);
  }

 private:
  const FormProblem& problem_;
  std::size_t row_;
};

class FormPriorCost final : public ceres::CostFunction {
 public:
  FormPriorCost(const FormProblem& problem, const FormPrior& prior)
      : problem_(problem), prior_(prior) {
    set_num_residuals(1);
    mutable_parameter_block_sizes()->push_back(static_cast<int>(problem.free()));
  }

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    const std::vector<double> u(parameters[0], parameters[0] + problem_.free());
    const PriorResidual r = prior_residual(problem_, prior_, form_values(problem_, u));
    const double weight = std::sqrt(problem_.prior_scale);
    residuals[0] = weight * r.value;
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      std::fill_n(jacobians[0], problem_.free(), 0.0);
      jacobians[0][r.coordinate] = weight * r.slope;
    }
    return std::isfinite(residuals[0]);
  }

 private:
  const FormProblem& problem_;
  FormPrior prior_;
};

ceres::Solver::Options form_solver_options() {
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  // Never LAPACK: see robust_descent.cc.
  options.dense_linear_algebra_library_type = ceres::EIGEN;
  options.num_threads = 1;
  options.max_num_iterations = 60;
  options.function_tolerance = 1e-8;  // relative; Newton finishes
  options.gradient_tolerance = 1e-15;
  options.parameter_tolerance = 1e-12;
  options.logging_type = ceres::SILENT;
  return options;
}

void bound_block(const FormProblem& problem, double* u, ceres::Problem& out) {
  for (std::size_t k = 0; k < problem.free(); ++k) {
    const int i = static_cast<int>(k);
    out.SetParameterLowerBound(u, i, problem.coordinates[k].low);
    out.SetParameterUpperBound(u, i, problem.coordinates[k].high);
  }
}

std::vector<double> form_levenberg_marquardt(const FormProblem& problem,
                                             const std::vector<double>& start) {
  std::vector<double> u = start;
  ceres::Problem::Options ownership;
  ownership.loss_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  ceres::Problem ceres_problem(ownership);
  ceres::HuberLoss huber(std::isinf(problem.delta) ? 1.0 : problem.delta);
  ceres::LossFunction* loss = std::isinf(problem.delta) ? nullptr : &huber;
  for (std::size_t i = 0; i < problem.size(); ++i) {
    ceres_problem.AddResidualBlock(new FormRowCost(problem, i), loss, u.data());
  }
  for (const FormPrior& prior : problem.priors) {
    ceres_problem.AddResidualBlock(new FormPriorCost(problem, prior), nullptr, u.data());
  }
  bound_block(problem, u.data(), ceres_problem);
  ceres::Solver::Summary summary;
  ceres::Solve(form_solver_options(), &ceres_problem, &summary);
  const bool finite = std::all_of(u.begin(), u.end(), [](double v) { return std::isfinite(v); });
  return summary.IsSolutionUsable() && finite ? u : start;
}

// J'J over all rows.
Eigen::MatrixXd form_normal_matrix(const FormProblem& problem, const std::vector<double>& u) {
  const auto q = static_cast<Index>(problem.free());
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

FormDescent form_newton(const FormProblem& problem, const std::vector<double>& start) {
  FormDescent out{.u = start};
  FormModel m;
  if (!form_model(problem, start, m)) {
    out.objective = std::numeric_limits<double>::infinity();
    return out;
  }
  const double tolerance = form_tolerance(problem);
  double lambda = 1e-3;
  int steps = 0;
  while (steps < kMostNewtonSteps && lambda < kFarDamping &&
         projected_norm(problem, out.u, m) > tolerance) {
    ++steps;
    try_form_step(problem, out, m, lambda);
  }
  out.objective = m.value;
  out.gradient_norm = projected_norm(problem, out.u, m);
  out.converged = out.gradient_norm <= tolerance;
  return out;
}

FormDescent form_descent(const FormProblem& problem, const std::vector<double>& start) {
  if (problem.free() == 0) return form_newton(problem, start);
  return form_newton(problem, form_levenberg_marquardt(problem, start));
}

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
  const auto q = static_cast<Index>(problem.free());
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
    const auto i = static_cast<Index>(k);
    if (!(variance(i, i) > 0 && inverse(i, i) > 0 && std::isfinite(variance(i, i)))) continue;
    out.error[k] = std::sqrt(variance(i, i));
    out.scale[k] = variance(i, i) / inverse(i, i);
  }
  return out;
}

}  // namespace isoflop
