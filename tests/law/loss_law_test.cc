#include "law/loss_law.h"

#include <cmath>
#include <gtest/gtest.h>

#include "law/presets.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

TEST(LossLaw, LogFormEqualsThePlainSum) {
  const LawVector theta = to_vector(kTruth);
  for (const double n : {1e3, 1e6, 7e10}) {
    for (const double d : {1e4, 1e8, 1.4e12}) {
      // exp and pow are good to a few ulp, through exponents of about 10.
      EXPECT_NEAR(std::exp(log_loss(theta, std::log(n), std::log(d))) / predict_loss(kTruth, n, d),
                  1, 1e-13);
    }
  }
}

TEST(LossLaw, VectorAndParametersAreInverse) {
  const LawParameters back = from_vector(to_vector(kTruth));
  EXPECT_NEAR(back.E / kTruth.E, 1, 1e-15);
  EXPECT_NEAR(back.A / kTruth.A, 1, 1e-14);
  EXPECT_NEAR(back.B / kTruth.B, 1, 1e-14);
  EXPECT_EQ(back.alpha, kTruth.alpha);
  EXPECT_EQ(back.beta, kTruth.beta);
}

TEST(LossLaw, NeverOverflowsFarFromTheData) {
  const double value = log_loss({0, 800, -800, 0.5, 0.5}, 10, 10);
  EXPECT_DOUBLE_EQ(value, 795);
}

// Central differences of step h are good to h^2 times the third derivative (here below 1e3).
TEST(LossLaw, GradientAgreesWithDifferences) {
  const LawVector theta = {0.5, 6, 7.5, 0.33, 0.37};
  const double x = std::log(3e8);
  const double y = std::log(2e10);
  LawVector gradient;
  EXPECT_EQ(log_loss(theta, x, y, gradient), log_loss(theta, x, y));
  constexpr double kStep = 1e-5;
  for (std::size_t k = 0; k < kLawSize; ++k) {
    LawVector up = theta;
    LawVector down = theta;
    up[k] += kStep;
    down[k] -= kStep;
    EXPECT_NEAR(gradient[k], (log_loss(up, x, y) - log_loss(down, x, y)) / (2 * kStep), 1e-7) << k;
  }
}

TEST(LossLaw, HessianAgreesWithDifferencesOfTheGradient) {
  const LawVector theta = {0.5, 6, 7.5, 0.33, 0.37};
  const double x = std::log(3e8);
  const double y = std::log(2e10);
  const LogLossDerivatives d = log_loss_derivatives(theta, x, y);
  constexpr double kStep = 1e-5;
  for (std::size_t k = 0; k < kLawSize; ++k) {
    LawVector up = theta;
    LawVector down = theta;
    up[k] += kStep;
    down[k] -= kStep;
    LawVector gradient_up;
    LawVector gradient_down;
    log_loss(up, x, y, gradient_up);
    log_loss(down, x, y, gradient_down);
    for (std::size_t j = 0; j < kLawSize; ++j) {
      EXPECT_NEAR(d.hessian[j][k], (gradient_up[j] - gradient_down[j]) / (2 * kStep), 1e-5);
      EXPECT_EQ(d.hessian[j][k], d.hessian[k][j]);
    }
  }
}

// Chinchilla against Gopher (N, D in billions of the papers), losses to the four printed decimals.
TEST(LossLaw, PublishedLawsPreferChinchillaToGopherByThePublishedGap) {
  const struct {
    const char* law;
    double gopher, chinchilla, gap;
  } table[] = {{"hoffmann2022", 1.9672, 1.9209, .0464},
               {"hoffmann2022-rounded", 1.9933, 1.9367, .0566},
               {"epoch2024", 1.9996, 1.9739, .0257},
               {"chinchilla-huber", 1.9987, 1.9734, .0253}};
  for (const auto& row : table) {
    const LawParameters& law = preset_law(row.law).parameters;
    const double gopher = predict_loss(law, 280e9, 300e9);
    const double chinchilla = predict_loss(law, 70e9, 1.4e12);
    EXPECT_NEAR(gopher, row.gopher, 1e-4) << row.law;
    EXPECT_NEAR(chinchilla, row.chinchilla, 1e-4) << row.law;
    EXPECT_NEAR(gopher - chinchilla, row.gap, 1e-4) << row.law;
  }
}

}  // namespace
}  // namespace isoflop
