#include "fit/law_sums.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "fit/points.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

// 23 points: five blocks of four and a rest. Weights as a resample has them.
Points odd_points() {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.003, 5);
  rows.pop_back();
  Points points = make_points(rows);
  for (std::size_t i = 0; i < points.size(); ++i) points.weight[i] = static_cast<double>(i % 3);
  return points;
}

LawVector near_truth(const Points& points, double shift) {
  LawVector theta = centred(to_vector(kTruth), points);
  for (double& v : theta) v += shift;
  return theta;
}

// The definition, point by point.
HuberSums slow_sums(const Points& points, const LawVector& theta, double delta) {
  HuberSums out{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double w = points.weight[i];
    const LogLossDerivatives d = log_loss_derivatives(theta, points.x[i], points.y[i]);
    const double r = d.value - points.log_loss[i];
    const double psi = std::clamp(r, -delta, delta);
    const double inner = std::abs(r) <= delta ? 1 : 0;
    out.value += w * (inner != 0 ? r * r / 2 : delta * (std::abs(r) - delta / 2));
    int at = 0;
    for (std::size_t j = 0; j < kLawSize; ++j) {
      out.gradient[j] += w * psi * d.gradient[j];
      out.scale[j] += w * d.gradient[j] * d.gradient[j];
      for (std::size_t k = 0; k <= j; ++k) {
        out.hessian[at++] += w * (inner * d.gradient[j] * d.gradient[k] + psi * d.hessian[j][k]);
      }
    }
  }
  return out;
}

// Sums of 23 terms, each within a few units in the last place.
void expect_close(double a, double b, double size) {
  EXPECT_NEAR(a, b, 1e-13 * (size + std::abs(b)));
}

TEST(LawSums, EveryInstructionSetGivesTheSumsByTheDefinition) {
  const Points points = odd_points();
  for (const double delta : {1e-3, 1.0}) {
    for (const double shift : {0.0, 0.01, -0.5, 3.0}) {
      const LawVector theta = near_truth(points, shift);
      const HuberSums slow = slow_sums(points, theta, delta);
      for (const LawSums& set : usable_law_sums()) {
        HuberSums fast;
        set.sums(arrays_of(points), theta.data(), delta, fast);
        expect_close(fast.value, slow.value, 0);
        expect_close(set.value(arrays_of(points), theta.data(), delta), slow.value, 0);
        for (int k = 0; k < 5; ++k) expect_close(fast.gradient[k], slow.gradient[k], delta * 60);
        for (int k = 0; k < 15; ++k) expect_close(fast.hessian[k], slow.hessian[k], 60);
        for (int k = 0; k < 5; ++k) expect_close(fast.scale[k], slow.scale[k], 0);
      }
    }
  }
}

TEST(LawSums, InstructionSetsAgreeToTheBit) {
  const Points points = odd_points();
  const LawVector theta = near_truth(points, 0.01);
  HuberSums first;
  usable_law_sums().front().sums(arrays_of(points), theta.data(), 1e-3, first);
  for (const LawSums& set : usable_law_sums()) {
    HuberSums sums;
    set.sums(arrays_of(points), theta.data(), 1e-3, sums);
    EXPECT_EQ(std::memcmp(&sums, &first, sizeof(sums)), 0) << set.name;
  }
}

TEST(LawSums, HalfTheSquaredResidualsAreTheObjectiveAndTheJacobianItsGradient) {
  const Points points = odd_points();
  const std::size_t n = points.size();
  for (const double shift : {0.0, 0.01, 0.3}) {
    const LawVector theta = near_truth(points, shift);
    const HuberSums slow = slow_sums(points, theta, 1e-3);
    for (const LawSums& set : usable_law_sums()) {
      std::vector<double> residual(n), again(n), jacobian(5 * n);
      set.residuals(arrays_of(points), theta.data(), 1e-3, residual.data(), jacobian.data());
      set.residuals(arrays_of(points), theta.data(), 1e-3, again.data(), nullptr);
      EXPECT_EQ(residual, again);
      double value = 0;
      double gradient[5] = {};
      for (std::size_t i = 0; i < n; ++i) {
        value += residual[i] * residual[i] / 2;
        for (std::size_t k = 0; k < 5; ++k) gradient[k] += residual[i] * jacobian[k * n + i];
      }
      expect_close(value, slow.value, 0);
      for (int k = 0; k < 5; ++k) expect_close(gradient[k], slow.gradient[k], 0.06);
    }
  }
}

TEST(LawSums, TermsBeyondTheRangeOfDoublesStayFinite) {
  const Points points = odd_points();
  for (const LawVector& theta : {LawVector{-2000, 0, 0, 0.3, 0.3}, LawVector{2000, -2000, 0, 0, 0},
                                 LawVector{0, 0, 0, 900, -900}}) {
    for (const LawSums& set : usable_law_sums()) {
      EXPECT_TRUE(std::isfinite(set.value(arrays_of(points), theta.data(), 1e-3))) << set.name;
    }
  }
}

}  // namespace
}  // namespace isoflop
