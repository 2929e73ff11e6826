#include "fit/valley.h"

#include <gtest/gtest.h>

#include "fit/isoflop_profiles.h"
#include "fit/valley_draws.h"
#include "fit/valley_joint.h"
#include "fit/valley_noise.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

const std::vector<double> kX = {0, 0.5, 1.1, 2, 2.6, 3.7};
const std::vector<double> kY = {3.0, 2.4, 2.1, 2.0, 2.2, 3.1};

TEST(Akima, AgreesWithSciPy) {
  // scipy 1.17.1, Akima1DInterpolator(x, y)
  const std::vector<double> slopes = akima_slopes(kX, kY);
  const std::vector<double> expected = {
      -1.55, -0.75, -0.262135922330097, 0.08670520231213874, 0.5652173913043481, 1.06060606060606};
  for (std::size_t i = 0; i < kX.size(); ++i) EXPECT_NEAR(slopes[i], expected[i], 1e-13);
  const std::vector<std::pair<double, double>> values = {{0.25, 2.65},
                                                         {0.8, 2.2134101941747573},
                                                         {1.5, 2.0173731034620266},
                                                         {2.3, 2.0641115858255845},
                                                         {3.0, 2.4638574026285127},
                                                         {3.6, 2.996056141726282}};
  for (const auto& [x, y] : values) EXPECT_NEAR(akima_value(kX, kY, slopes, x), y, 1e-13);
}

TEST(Akima, ItsMinimumIsTheLowestPointOfAFineScan) {
  SplitMix64 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> x, y;
    for (int i = 0; i < 8; ++i) {
      x.push_back(i + 0.8 * random.uniform());
      y.push_back(0.02 * (x.back() - 4) * (x.back() - 4) + 0.05 * random.uniform());
    }
    const std::vector<double> slopes = akima_slopes(x, y);
    double lowest = INFINITY;
    constexpr int kSteps = 20000;
    for (int k = 0; k <= kSteps; ++k) {
      const double at = std::lerp(x.front(), x.back(), k / static_cast<double>(kSteps));
      lowest = std::min(lowest, akima_value(x, y, slopes, at));
    }
    const auto found = akima_minimum(x, y);
    if (!found) {
      EXPECT_NEAR(lowest, std::min(y.front(), y.back()), 1e-12);
      continue;
    }
    const double value = akima_value(x, y, slopes, found->log_params);
    EXPECT_LE(value, lowest + 1e-15);
    EXPECT_NEAR(value, lowest, 1e-6);  // the scan's step squared times the curvature
    EXPECT_NEAR(std::log(found->loss), value, 1e-12);
  }
}

TEST(Akima, HasNoMinimumWhereTheLossOnlyFalls) {
  EXPECT_FALSE(akima_minimum(kX, std::vector<double>{6, 5, 4, 3, 2, 1}).has_value());
  EXPECT_FALSE(akima_minimum(std::vector<double>{0, 1}, std::vector<double>{1, 2}).has_value());
}

TEST(ParabolaWindow, HoldsThePointsNearTheLowestAndAtLeastFive) {
  const double step = std::log(1.5);
  std::vector<double> x, y;
  for (int i = 0; i < 15; ++i) x.push_back(i * step), y.push_back(std::abs(i - 6));
  const ValleyWindow window = window_around_lowest(x, y, 3, INFINITY);
  EXPECT_EQ(window.first, 4u);  // 1.5^2 < 3 < 1.5^3
  EXPECT_EQ(window.last, 9u);
  const ValleyWindow low = window_around_lowest(x, y, 100, 3.5);
  EXPECT_EQ(low.first, 3u);
  EXPECT_EQ(low.last, 10u);
  for (double& value : x) value *= 10;  // nothing else within a factor of 3
  EXPECT_EQ(window_around_lowest(x, y, 3, INFINITY).size(), 5u);
  y[0] = -1;  // the lowest at the edge: five from there
  EXPECT_EQ(window_around_lowest(x, y, 3, INFINITY).first, 0u);
  EXPECT_EQ(window_around_lowest(x, y, 3, INFINITY).last, 5u);
}

TEST(Parabola, IsRecoveredExactlyAndSaysWhenItHasNoMinimum) {
  const std::vector<double> x = {1, 1.3, 2, 2.2, 3};
  std::vector<double> up, down;
  for (const double at : x) {
    up.push_back(std::log(3 + 0.4 * (at - 1.9) * (at - 1.9)));
    down.push_back(std::log(3 - 0.1 * (at - 1.9) * (at - 1.9)));
  }
  const auto minimum = parabola_minimum(windowed_parabola(x, up), x);
  ASSERT_TRUE(minimum.has_value());
  EXPECT_NEAR(minimum->log_params, 1.9, 1e-10);
  EXPECT_NEAR(minimum->loss, 3, 1e-12);
  EXPECT_NEAR(minimum->curvature, 0.8, 1e-9);
  EXPECT_FALSE(parabola_minimum(windowed_parabola(x, down), x).has_value());
}

Valley law_valley(double budget, const LawParameters& law, double level, double noise,
                  SplitMix64& random) {
  Valley v{.budget = budget};
  for (int k = -4; k <= 4; ++k) {
    const double params = true_optimum(budget, law) * std::pow(1.6, k);
    const double tokens = budget / (6 * params);
    v.log_params.push_back(std::log(params));
    v.log_tokens.push_back(std::log(tokens));
    v.log_loss.push_back(std::log(level + predict_loss(law, params, tokens)) +
                         noise * normal(random));
    v.rows.push_back(1);
  }
  return v;
}

TEST(JointValleys, RecoverTheExponentsWhateverTheLevelsAre) {
  SplitMix64 random(1);
  // Levels of their own, as after a warm-up that hurts small budgets.
  const std::vector<Valley> valleys = {law_valley(1e18, kTruth, 0.5, 0, random),
                                       law_valley(1e19, kTruth, 0.1, 0, random),
                                       law_valley(1e20, kTruth, 0, 0, random)};
  const auto joint = fit_joint_valleys(valleys);
  ASSERT_TRUE(joint.has_value());
  EXPECT_NEAR(joint->alpha, kTruth.alpha, 1e-5);
  EXPECT_NEAR(joint->beta, kTruth.beta, 1e-5);
  EXPECT_NEAR(std::exp(joint->log_A) / kTruth.A, 1, 1e-3);
  EXPECT_LT(joint->residual_rms, 1e-7);
  const auto found = joint_minimum(*joint, 1e19, FlopsPerToken::six_n(),
                                   valleys[1].log_params.front(), valleys[1].log_params.back());
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(*found, std::log(true_optimum(1e19)), 1e-6);
  EXPECT_FALSE(joint_minimum(*joint, 1e19, FlopsPerToken::six_n(), 20, 21).has_value());
}

TEST(JointValleys, SayNothingWhereValleysDoNotDetermineTheShape) {
  SplitMix64 random(1);
  const Valley one = law_valley(1e18, kTruth, 0, 0, random);
  EXPECT_FALSE(fit_joint_valleys(std::vector{one}).has_value());
  Valley falling = one;
  for (std::size_t i = 0; i < falling.size(); ++i) {
    falling.log_loss[i] = 1 + 0.01 * falling.log_params[i];
  }
  EXPECT_FALSE(fit_joint_valleys(std::vector{falling, falling}).has_value());
}

TEST(ValleyDraws, TheErrorOfAParabolasMinimumIsThatOfItsLinearisedLeastSquares) {
  // For L = c0 + c1 u + c2 u^2 on a symmetric grid, sd(u*) = sigma L / (2 c2 sqrt(sum u^2)).
  Valley v{.budget = 1e20};
  constexpr double kSigma = 1e-5;
  double squares = 0;
  for (int k = -2; k <= 2; ++k) {
    const double u = 0.3 * k;
    v.log_params.push_back(20 + u);
    v.log_tokens.push_back(22 - u);
    v.log_loss.push_back(std::log(3 + 0.1 * u * u));
    v.rows.push_back(4);  // halves the noise
    squares += u * u;
  }
  const ValleyDraws draws = draw_minima(v, kSigma, 4000, 7);
  const double expected = 0.5 * kSigma * 3 / (2 * 0.1 * std::sqrt(squares));
  // The standard deviation of 4,000 draws is good to 1.1 %; the losses vary by 1 %.
  EXPECT_NEAR(draws.parabola.error / expected, 1, 0.05);
  EXPECT_EQ(draws.parabola.inside, 1);
  EXPECT_GT(draws.akima.error, draws.parabola.error);  // it has fewer points to lean on
}

TEST(ValleyNoise, ResidualsSeeTheNoiseAndNotTheValley) {
  SplitMix64 random(5);
  for (const double noise : {0.0, 0.002}) {
    std::vector<Valley> valleys;
    for (int i = 0; i < 40; ++i) valleys.push_back(law_valley(1e18, kTruth, 0, noise, random));
    const ValleyNoise found = noise_of({}, {}, valleys);
    EXPECT_EQ(found.source, "residuals");
    // About 150 overlapping contrasts: good to 10 %.
    EXPECT_NEAR(found.sigma, noise, noise > 0 ? 0.0004 : 5e-5);
  }
}

TEST(ValleyNoise, ACurvatureIsMeasuredInItsStandardErrors) {
  SplitMix64 random(6);
  Valley valley;
  for (int k = -4; k <= 4; ++k) {
    valley.log_params.push_back(20 + 0.2 * k);
    valley.log_loss.push_back(0);
    valley.rows.push_back(1);
  }
  double squares = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    for (double& y : valley.log_loss) y = 0.001 * normal(random);
    squares += std::pow(curvature_ratio(valley, 0.001), 2) / kRounds;
  }
  // A flat valley: unit variance, to 3 % with so many rounds; the window hangs on the lowest point,
  // and that alone makes the curvature positive a little more often.
  EXPECT_NEAR(squares, 1, 0.35);
  for (std::size_t i = 0; i < 9; ++i) valley.log_loss[i] = std::pow(valley.log_params[i] - 20, 2);
  EXPECT_GT(curvature_ratio(valley, 0.001), 100);
}

TEST(WeightedLine, IsTheNormalEquations) {
  const PowerLaw line = weighted_line(std::vector<double>{0, 1, 3}, std::vector<double>{1, 2, 3},
                                      std::vector<double>{1, 1, 2});
  // By hand: x mean 7/4, y mean 9/4; sum w (x - 7/4)^2 = 27/4, with y: 17/4.
  EXPECT_NEAR(line.slope, 17.0 / 27, 1e-14);
  EXPECT_NEAR(line.intercept, 9.0 / 4 - 17.0 / 27 * 7 / 4, 1e-14);
}

}  // namespace
}  // namespace isoflop
