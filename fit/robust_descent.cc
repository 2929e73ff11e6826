#include "fit/robust_descent.h"

#include <algorithm>
#include <ceres/tiny_solver.h>
#include <cmath>

namespace isoflop {
namespace {

// All residuals at once, as Ceres' solver for small dense problems takes them. It knows no robust
// losses: the residuals come so that their half squares are the Huber terms.
class HuberResiduals {
 public:
  using Scalar = double;
  enum { NUM_RESIDUALS = Eigen::Dynamic, NUM_PARAMETERS = static_cast<int>(kLawSize) };

  HuberResiduals(const PointArrays& points, double delta) : points_(points), delta_(delta) {}
  int NumResiduals() const { return static_cast<int>(points_.size); }
  bool operator()(const double* theta, double* residuals, double* jacobian) const {
    law_sums().residuals(points_, theta, delta_, residuals, jacobian);
    return true;
  }

 private:
  PointArrays points_;
  double delta_;
};

}  // namespace

LawVector levenberg_marquardt(const Points& points, const LawVector& start, double huber_delta,
                              double tolerance) {
  thread_local ceres::TinySolver<HuberResiduals> solver;  // keeps its memory
  const double scale = huber_delta * huber_delta * static_cast<double>(points.size());
  solver.options.max_num_iterations = 100;
  solver.options.cost_threshold = 0;
  solver.options.gradient_tolerance = 1e-15;
  solver.options.parameter_tolerance = 1e-12;
  solver.options.function_tolerance = tolerance * scale;
  Eigen::Matrix<double, kLawSize, 1> theta(start.data());
  solver.Solve(HuberResiduals(arrays_of(points), huber_delta), &theta);
  if (!theta.allFinite()) return start;
  LawVector out;
  std::copy_n(theta.data(), kLawSize, out.begin());
  return out;
}

Descent robust_descent(const Points& points, const LawVector& start, double huber_delta) {
  const LawVector near = levenberg_marquardt(points, start, huber_delta, 1e-3);
  return newton_descent(points, near, {.huber_delta = huber_delta});
}

bool falls_towards(const Points& points, const LawVector& from, const LawVector& to,
                   double huber_delta) {
  constexpr int kSteps = 16;
  double last = huber_sum(points, from, huber_delta);
  for (int k = 1; k <= kSteps; ++k) {
    LawVector theta;
    for (std::size_t i = 0; i < kLawSize; ++i) {
      theta[i] = from[i] + (to[i] - from[i]) * k / kSteps;
    }
    const double here = huber_sum(points, theta, huber_delta);
    if (!(here <= last)) return false;
    last = here;
  }
  return true;
}

}  // namespace isoflop
