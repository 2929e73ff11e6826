#include "fit/form_newton.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

constexpr double kTolerance = 1e-8;  // of the gradient, in psi_scale x rows
constexpr double kFormRounding = 1e-11;
constexpr double kFarDamping = 1e20;
constexpr int kMostNewtonSteps = 300;
constexpr double kDifference = 1e-6;

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
  Eigen::VectorXd row(static_cast<Eigen::Index>(problem.free()));
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
  const auto q = static_cast<Eigen::Index>(problem.free());
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
    curvature.col(static_cast<Eigen::Index>(k)) = (there - here) / (moved[k] - u[k]);
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
    const double g = m.gradient[static_cast<Eigen::Index>(k)];
    out[k] = c.low >= c.high || (u[k] <= c.low && g > 0) || (u[k] >= c.high && g < 0);
  }
  return out;
}

double projected_norm(const FormProblem& problem, const std::vector<double>& u,
                      const FormModel& m) {
  const std::vector<bool> rests = resting(problem, u, m);
  double norm = 0;
  for (std::size_t k = 0; k < u.size(); ++k) {
    if (!rests[k]) norm = std::max(norm, std::abs(m.gradient[static_cast<Eigen::Index>(k)]));
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
    const auto i = static_cast<Eigen::Index>(k);
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
    const auto i = static_cast<Eigen::Index>(k);
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

}  // namespace isoflop
