#include "fit/robust_descent.h"

#include <algorithm>
#include <ceres/loss_function.h>
#include <ceres/problem.h>
#include <ceres/sized_cost_function.h>
#include <ceres/solver.h>
#include <cmath>

namespace isoflop {
namespace {

// r = ln L(N, D; theta) - ln L_i, with its gradient.
class LogLossResidual final : public ceres::SizedCostFunction<1, kLawSize> {
 public:
  LogLossResidual(double x, double y, double log_loss) : x_(x), y_(y), log_loss_(log_loss) {}

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    LawVector theta;
    std::copy_n(parameters[0], kLawSize, theta.begin());
    LawVector gradient;
    residuals[0] = log_loss(theta, x_, y_, gradient) - log_loss_;
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      std::copy(gradient.begin(), gradient.end(), jacobians[0]);
    }
    return std::isfinite(residuals[0]);
  }

 private:
  double x_, y_, log_loss_;
};

ceres::Solver::Options solver_options() {
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  // Never LAPACK: LibTorch exports MKL's symbols of it, and the two programs must agree to the bit.
  options.dense_linear_algebra_library_type = ceres::EIGEN;
  options.num_threads = 1;
  options.max_num_iterations = 100;
  // function_tolerance is relative, gradient_tolerance absolute; the objective is about 1e-3.
  options.function_tolerance = 1e-10;
  options.gradient_tolerance = 1e-15;
  options.parameter_tolerance = 1e-12;
  options.logging_type = ceres::SILENT;
  return options;
}

LawVector levenberg_marquardt(const Points& points, const LawVector& start, double huber_delta) {
  LawVector theta = start;
  ceres::HuberLoss loss(huber_delta);
  ceres::Problem::Options ownership;
  ownership.loss_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  ceres::Problem problem(ownership);
  for (std::size_t i = 0; i < points.size(); ++i) {
    problem.AddResidualBlock(new LogLossResidual(points.x[i], points.y[i], points.log_loss[i]),
                             &loss, theta.data());
  }
  ceres::Solver::Summary summary;
  ceres::Solve(solver_options(), &problem, &summary);
  const bool finite =
      std::all_of(theta.begin(), theta.end(), [](double v) { return std::isfinite(v); });
  return summary.IsSolutionUsable() && finite ? theta : start;
}

}  // namespace

Descent robust_descent(const Points& points, const LawVector& start, double huber_delta) {
  const LawVector near = levenberg_marquardt(points, start, huber_delta);
  return newton_descent(points, near, {.huber_delta = huber_delta});
}

}  // namespace isoflop
