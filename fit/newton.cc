#include "fit/newton.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

using Vector5 = Eigen::Matrix<double, 5, 1>;
using Matrix5 = Eigen::Matrix<double, 5, 5>;

constexpr double kRounding = 1e-11;  // relative, of the objective

struct Model {
  double value = 0;
  Vector5 gradient;
  Matrix5 hessian;
  Vector5 scale;  // diagonal of sum grad r grad r'
};

Model model_at(const PointArrays& points, const LawVector& theta, double delta) {
  HuberSums sums;
  law_sums().sums(points, theta.data(), delta, sums);
  Model m;
  m.value = sums.value;
  int at = 0;
  for (int j = 0; j < 5; ++j) {
    m.gradient[j] = sums.gradient[j];
    m.scale[j] = sums.scale[j];
    for (int k = 0; k <= j; ++k) m.hessian(j, k) = m.hessian(k, j) = sums.hessian[at++];
  }
  return m;
}

// In (ln A, alpha) instead of (ln A', alpha): d/d alpha gains -mean(ln N) d/d ln A.
double uncentred_norm(const Model& m, const Points& points) {
  Vector5 g = m.gradient;
  g[3] -= points.x_mean * g[1];
  g[4] -= points.y_mean * g[2];
  return g.cwiseAbs().maxCoeff();
}

// The damped step, raising lambda until the matrix is safely positive definite.
Vector5 damped_step(const Model& m, double& lambda) {
  const double floor = 1e-12 * m.scale.maxCoeff() + 1e-300;
  const Vector5 scale = m.scale.cwiseMax(floor);
  while (lambda < 1e30) {
    const Matrix5 damped = m.hessian + Matrix5((lambda * scale).asDiagonal());
    const Eigen::LLT<Matrix5> cholesky(damped);
    if (cholesky.info() == Eigen::Success) {
      const Vector5 step = cholesky.solve(-m.gradient);
      if (step.allFinite()) return step;
    }
    lambda = std::max(lambda * 10, 1e-12);
  }
  return Vector5::Zero();
}

LawVector moved(const LawVector& theta, const Vector5& step) {
  LawVector out = theta;
  for (std::size_t i = 0; i < kLawSize; ++i) out[i] += step[static_cast<Eigen::Index>(i)];
  return out;
}

double total_weight(const Points& points) {
  double sum = 0;
  for (const double w : points.weight) sum += w;
  return sum;
}

// One tried step: moves `out` and `m` when it is good, and sets the damping for the next.
//
// A gain below the rounding of the sum says nothing: such a step is good when it lowers the
// gradient.
void try_step(const Points& points, double delta, Descent& out, Model& m, double& lambda) {
  const Vector5 step = damped_step(m, lambda);
  const LawVector next = moved(out.theta, step);
  const Model there = model_at(arrays_of(points), next, delta);
  const double gained = m.value - there.value;
  const double promised = -(m.gradient.dot(step) + 0.5 * step.dot(m.hessian * step));
  const bool blind = promised <= kRounding * m.value && std::abs(gained) <= kRounding * m.value;
  const bool good = blind ? uncentred_norm(there, points) < 0.9 * uncentred_norm(m, points)
                          : gained > 0 && gained > 1e-4 * promised;
  if (!good) {
    lambda = std::max(lambda * 8, 1e-12);
    return;
  }
  out.theta = next;
  m = there;
  if (blind || gained > 0.75 * promised) lambda /= 10;
  if (!blind && gained < 0.25 * promised) lambda *= 4;
}

}  // namespace

double huber_sum(const Points& points, const LawVector& theta, double huber_delta) {
  return law_sums().value(arrays_of(points), theta.data(), huber_delta);
}

Descent newton_descent(const Points& points, const LawVector& start, const NewtonOptions& options) {
  const double delta = options.huber_delta;
  const double tolerance = 1e-9 * delta * total_weight(points);
  Descent out{.theta = start};
  Model m = model_at(arrays_of(points), start, delta);
  double lambda = 1e-3;
  // Beyond 1e20 no step gains any more.
  while (out.steps < options.max_steps && lambda < 1e20 && uncentred_norm(m, points) > tolerance) {
    ++out.steps;
    try_step(points, delta, out, m, lambda);
  }
  out.objective = m.value;
  out.gradient_norm = uncentred_norm(m, points);
  out.converged = out.gradient_norm <= tolerance;
  return out;
}

}  // namespace isoflop
