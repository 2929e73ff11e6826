#include "forecast/forecast_fit.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <ceres/loss_function.h>
#include <ceres/problem.h>
#include <ceres/sized_cost_function.h>
#include <ceres/solver.h>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

// Residuals beyond this many standard deviations count for less and less (a spike for nothing).
constexpr double kCauchyScale = 2.5;
// Held-out and training text differ in how hard they are by some percent.
constexpr LogNormal kShiftPrior = {.center = 0, .sd = 0.1};

constexpr int kUnknowns = kCurveParameters + kDriftKnots;

using Matrix = Eigen::Matrix<double, kUnknowns, kUnknowns>;
using Unknowns = Eigen::Matrix<double, kUnknowns, 1>;

// The share of each knot in the drift at one place; the knot at the last point, which is 0, has the
// rest.
std::array<double, kDriftKnots> drift_shares(double clock, double spacing) {
  std::array<double, kDriftKnots> shares{};
  if (!(spacing > 0)) return shares;
  const double place = std::min(clock / spacing, static_cast<double>(kDriftKnots));
  const int above = std::clamp(static_cast<int>(place), 0, kDriftKnots - 1);
  shares[above] = place - above;
  if (above > 0) shares[above - 1] = 1 - shares[above];
  return shares;
}

class CurveResidual final : public ceres::SizedCostFunction<1, kCurveParameters, kDriftKnots> {
 public:
  CurveResidual(const CurveDatum& datum, double spacing)
      : datum_(datum), shares_(drift_shares(datum.clock, spacing)) {}

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    CurveVector theta;
    std::copy_n(parameters[0], kCurveParameters, theta.begin());
    CurveVector gradient;
    double error = curve_log_loss(theta, datum_, &gradient) - datum_.log_loss;
    for (int k = 0; k < kDriftKnots; ++k) error += shares_[k] * parameters[1][k];
    residuals[0] = error * datum_.weight;
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      for (int i = 0; i < kCurveParameters; ++i) jacobians[0][i] = gradient[i] * datum_.weight;
    }
    if (jacobians != nullptr && jacobians[1] != nullptr) {
      for (int k = 0; k < kDriftKnots; ++k) jacobians[1][k] = shares_[k] * datum_.weight;
    }
    return std::isfinite(residuals[0]);
  }

 private:
  CurveDatum datum_;
  std::array<double, kDriftKnots> shares_;
};

// One step of the random walk: (drift_k - drift_{k-1}) / its standard deviation.
class DriftResidual final : public ceres::SizedCostFunction<1, kDriftKnots> {
 public:
  DriftResidual(int knot, double sd) : knot_(knot), sd_(sd) {}

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    const double before = knot_ > 0 ? parameters[0][knot_ - 1] : 0.0;
    residuals[0] = (parameters[0][knot_] - before) / sd_;
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      std::fill_n(jacobians[0], kDriftKnots, 0.0);
      jacobians[0][knot_] = 1 / sd_;
      if (knot_ > 0) jacobians[0][knot_ - 1] = -1 / sd_;
    }
    return true;
  }

 private:
  int knot_;
  double sd_;
};

class PriorResidual final : public ceres::SizedCostFunction<1, kCurveParameters> {
 public:
  PriorResidual(int index, const LogNormal& prior) : index_(index), prior_(prior) {}

  bool Evaluate(double const* const* parameters, double* residuals,
                double** jacobians) const override {
    residuals[0] = (parameters[0][index_] - prior_.center) / prior_.sd;
    if (jacobians != nullptr && jacobians[0] != nullptr) {
      std::fill_n(jacobians[0], kCurveParameters, 0.0);
      jacobians[0][index_] = 1 / prior_.sd;
    }
    return true;
  }

 private:
  int index_;
  LogNormal prior_;
};

ceres::Solver::Options curve_solver_options() {
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  // Never LAPACK: LibTorch exports MKL's symbols of it, and the two programs must agree to the bit.
  options.dense_linear_algebra_library_type = ceres::EIGEN;
  options.num_threads = 1;
  options.max_num_iterations = 60;
  options.function_tolerance = 1e-9;
  options.gradient_tolerance = 1e-12;
  options.parameter_tolerance = 1e-10;
  options.logging_type = ceres::SILENT;
  return options;
}

std::array<std::pair<int, LogNormal>, 4> priors_of(const ForecastPrior& prior) {
  return {{{kLogAlpha, prior.alpha},
           {kLogPace, prior.pace},
           {kLogGain, prior.gain},
           {kShift, kShiftPrior}}};
}

// A knot's step where the clock stands still (a constant rate) is nearly none.
double step_sd(double spacing) { return std::sqrt(std::max(spacing, 1e-12)); }

// Gauss-Newton's Hessian of the objective, with the robust weights at the optimum.
Matrix information(const std::vector<CurveDatum>& data, const ForecastPrior& prior,
                   const CurveFit& fit) {
  Matrix sum = Matrix::Zero();
  for (const CurveDatum& datum : data) {
    CurveVector gradient;
    curve_log_loss(fit.theta, datum, &gradient);
    const double r = (fitted_log_loss(fit, datum) - datum.log_loss) * datum.weight;
    const double robust = 1 / (1 + r * r / (kCauchyScale * kCauchyScale));
    const auto shares = drift_shares(datum.clock, fit.drift_spacing);
    Unknowns g;
    std::copy(gradient.begin(), gradient.end(), g.data());
    std::copy(shares.begin(), shares.end(), g.data() + kCurveParameters);
    sum += robust * datum.weight * datum.weight * g * g.transpose();
  }
  for (const auto& [index, normal] : priors_of(prior)) {
    sum(index, index) += 1 / (normal.sd * normal.sd);
  }
  for (int k = 0; k < kDriftKnots; ++k) {
    Unknowns g = Unknowns::Zero();
    g[kCurveParameters + k] = 1 / step_sd(fit.drift_spacing);
    if (k > 0) g[kCurveParameters + k - 1] = -g[kCurveParameters + k];
    sum += g * g.transpose();
  }
  return sum;
}

bool set_covariance(const Matrix& information, CurveFit& fit) {
  const Eigen::LDLT<Matrix> factors(information);
  if (factors.info() != Eigen::Success || !factors.isPositive()) return false;
  const Matrix inverse = factors.solve(Matrix::Identity());
  if (!inverse.allFinite()) return false;
  for (int i = 0; i < kCurveParameters; ++i) {
    for (int j = 0; j < kCurveParameters; ++j) fit.covariance[i][j] = inverse(i, j);
  }
  return true;
}

}  // namespace

double curve_log_loss(const CurveVector& theta, const CurveDatum& at, CurveVector* gradient) {
  const double alpha = std::exp(theta[kLogAlpha]);
  const double pace = std::exp(theta[kLogPace]);
  const double gain = std::exp(theta[kLogGain]);
  const double power = std::exp(-alpha * at.log_spent);
  const double rise = pace * (power - 1) / alpha;
  const double ratio = 1 + rise + gain * at.to_decay;
  if (!(ratio > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (gradient != nullptr) {
    *gradient = {1, (-pace * power * at.log_spent - rise) / ratio, rise / ratio,
                 gain * at.to_decay / ratio, at.heldout ? 1.0 : 0.0};
  }
  return theta[kEnd] + std::log(ratio) + (at.heldout ? theta[kShift] : 0.0);
}

double fitted_log_loss(const CurveFit& fit, const CurveDatum& at) {
  const auto shares = drift_shares(at.clock, fit.drift_spacing);
  double drift = 0;
  for (int k = 0; k < kDriftKnots; ++k) drift += shares[k] * fit.drift[k];
  return curve_log_loss(fit.theta, at, nullptr) + drift;
}

CurveFit fit_curve(const std::vector<CurveDatum>& data, const ForecastPrior& prior,
                   double start_end) {
  CurveFit fit;
  fit.theta = {start_end, prior.alpha.center, prior.pace.center, prior.gain.center,
               kShiftPrior.center};
  for (const CurveDatum& datum : data) {
    fit.drift_spacing = std::max(fit.drift_spacing, datum.clock / kDriftKnots);
  }
  ceres::CauchyLoss robust(kCauchyScale);
  ceres::Problem::Options ownership;
  ownership.loss_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  ceres::Problem problem(ownership);
  for (const CurveDatum& datum : data) {
    problem.AddResidualBlock(new CurveResidual(datum, fit.drift_spacing), &robust, fit.theta.data(),
                             fit.drift.data());
  }
  for (const auto& [index, normal] : priors_of(prior)) {
    problem.AddResidualBlock(new PriorResidual(index, normal), nullptr, fit.theta.data());
  }
  for (int k = 0; k < kDriftKnots; ++k) {
    problem.AddResidualBlock(new DriftResidual(k, step_sd(fit.drift_spacing)), nullptr,
                             fit.drift.data());
  }
  ceres::Solver::Summary summary;
  ceres::Solve(curve_solver_options(), &problem, &summary);
  fit.usable = summary.IsSolutionUsable() && set_covariance(information(data, prior, fit), fit);
  return fit;
}

}  // namespace isoflop
