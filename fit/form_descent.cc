#include "fit/form_descent.h"

#include <algorithm>
#include <ceres/cost_function.h>
#include <ceres/loss_function.h>
#include <ceres/problem.h>
#include <ceres/solver.h>
#include <cmath>

namespace isoflop {
namespace {

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

}  // namespace

FormDescent form_descent(const FormProblem& problem, const std::vector<double>& start) {
  if (problem.free() == 0) return form_newton(problem, start);
  return form_newton(problem, form_levenberg_marquardt(problem, start));
}

}  // namespace isoflop
