#include "fit/isoflop_profiles.h"

#include <cmath>
#include <gtest/gtest.h>

#include "law/loss_law.h"
#include "tests/fit/porian.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

// One budget whose losses are a parabola in ln N with the bottom at `bottom`.
void add_parabola(std::vector<Observation>& rows, double budget, double bottom,
                  const std::vector<double>& sizes, double curvature = 0.2) {
  for (const double size : sizes) {
    const double u = std::log(size / bottom);
    Observation o;
    o.params = size;
    o.flops = budget;
    o.tokens = budget / (6 * size);
    o.loss = 3 + 0.5 * curvature * u * u;
    rows.push_back(o);
  }
}

TEST(IsoflopProfiles, ExactParabolasGiveTheirBottomsAndPowerLaw) {
  std::vector<Observation> rows;
  for (const double c : {1e18, 1e19, 1e20}) {
    const double bottom = 2.5 * std::pow(c, 0.45);
    add_parabola(rows, c, bottom, {bottom / 3, bottom / 1.5, bottom * 1.2, bottom * 2.5});
  }
  const IsoflopFit fit = fit_isoflop(rows);
  ASSERT_TRUE(fit.usable);
  EXPECT_NEAR(fit.a.value, 0.45, 1e-10);
  EXPECT_NEAR(fit.b.value, 0.55, 1e-10);
  EXPECT_NEAR(fit.params_law.line.intercept, std::log(2.5), 1e-8);
  ASSERT_EQ(fit.profiles.size(), 3u);
  EXPECT_NEAR(fit.profiles[1].params / (2.5 * std::pow(1e19, 0.45)), 1, 1e-9);
  EXPECT_NEAR(fit.profiles[1].loss, 3, 1e-12);
  EXPECT_NEAR(fit.profiles[1].curvature, 0.2, 1e-10);
  EXPECT_NEAR(6 * fit.profiles[1].params * fit.profiles[1].tokens / 1e19, 1, 1e-12);
}

// Points read off a figure: two sizes a pixel apart whose losses differ by a run's noise. A curve
// through both would dive far below every run.
TEST(IsoflopProfiles, SizesNextToEachOtherDoNotTiltTheValley) {
  std::vector<Observation> rows;
  for (const double c : {1e18, 1e19}) {
    const double bottom = 1e8 * c / 1e18;
    add_parabola(rows, c, bottom,
                 {bottom / 3, bottom / 2, bottom / 1.4, bottom, bottom * 1.0002, bottom * 1.5,
                  bottom * 2.2, bottom * 3});
    rows[rows.size() - 4].loss += 0.02;
  }
  const IsoflopFit fit = fit_isoflop(rows);
  for (const BudgetProfile& p : fit.profiles) {
    ASSERT_TRUE(p.usable);
    // Half of the 0.02 stays in the averaged point; its neighbours' valley is 0.01 deep.
    EXPECT_NEAR(p.loss, 3, 0.02);
    EXPECT_NEAR(std::log(p.params / (1e8 * p.budget / 1e18)), 0, 0.5);
  }
}

TEST(IsoflopProfiles, ABadBudgetIsNamedAndDoesNotStopTheRest) {
  std::vector<Observation> rows;
  for (const double c : {1e18, 1e19})
    add_parabola(rows, c, 1e8 * c / 1e18, {3e7 * c / 1e18, 1e8 * c / 1e18, 4e8 * c / 1e18});
  add_parabola(rows, 1e20, 1e10, {3e9, 9e9, 3e10}, -0.2);
  add_parabola(rows, 1e21, 1e11, {1e9, 3e9, 9e9});
  add_parabola(rows, 1e22, 1e12, {1e12, 2e12});
  const IsoflopFit fit = fit_isoflop(rows);
  ASSERT_EQ(fit.profiles.size(), 5u);
  EXPECT_TRUE(fit.profiles[0].usable);
  EXPECT_TRUE(fit.profiles[1].usable);
  EXPECT_EQ(fit.profiles[2].code, "not_convex");
  EXPECT_EQ(fit.profiles[3].code, "not_bracketed");
  EXPECT_EQ(fit.profiles[4].code, "too_few_points");
  EXPECT_TRUE(fit.usable);
  EXPECT_NEAR(fit.a.value, 1, 1e-9);
  // Three points determine a parabola: nothing is left over to tell the noise.
  EXPECT_FALSE(fit.a.low.has_value());
}

TEST(IsoflopProfiles, OneUsableBudgetIsNotEnough) {
  std::vector<Observation> rows;
  add_parabola(rows, 1e18, 1e8, {3e7, 1e8, 4e8});
  add_parabola(rows, 1e21, 1e11, {1e9, 3e9, 9e9});
  const IsoflopFit fit = fit_isoflop(rows);
  EXPECT_FALSE(fit.usable);
  EXPECT_FALSE(fit.why_not.empty());
}

TEST(IsoflopProfiles, ALawsOwnExponentIsFoundWithinItsInterval) {
  const auto rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 9, 0.001, 4, 2.5);
  const IsoflopFit fit = fit_isoflop(rows);
  ASSERT_TRUE(fit.usable && fit.a.low.has_value());
  const double truth = kTruth.beta / (kTruth.alpha + kTruth.beta);
  EXPECT_LT(*fit.a.low, truth);
  EXPECT_GT(*fit.a.high, truth);
  EXPECT_LT(*fit.a.high - *fit.a.low, 0.2);
  // Shallow valleys, close sizes: the parabola leans on more points, and that is said.
  ASSERT_EQ(fit.estimators[1].estimator, "parabola");
  const Interval steady = fit.estimators[1].a;
  EXPECT_LT(*steady.high - *steady.low, 0.06);
  ASSERT_EQ(fit.warnings.size(), 1u);
  EXPECT_EQ(fit.warnings[0].code, "noisy_minima");
  EXPECT_NEAR(fit.a.value + fit.b.value, 1, 1e-9);  // D = C / 6 N
}

TEST(IsoflopProfiles, PlannedBudgetsWinOverTheFlopsColumn) {
  auto rows = isoflop_grid({1e18, 1.05e18}, 4, 0, 0);
  EXPECT_EQ(group_by_budget(rows).size(), 2u);
  for (Observation& row : rows) row.budget.reset();
  const auto chained = group_by_budget(rows);
  ASSERT_EQ(chained.size(), 1u);
  EXPECT_EQ(chained[0].rows.size(), 8u);
  EXPECT_NEAR(chained[0].budget / std::sqrt(1e18 * 1.05e18), 1, 1e-12);
}

TEST(IsoflopProfiles, AContinuumOfFlopsIsNotOneBudget) {
  std::vector<Observation> rows;
  for (int k = 0; k < 40; ++k) {
    add_parabola(rows, 1e18 * std::pow(1.03, k), 1e8, {1e8 * std::pow(1.1, k % 7 - 3)});
  }
  const IsoflopFit fit = fit_isoflop(rows);
  ASSERT_EQ(fit.profiles.size(), 1u);
  EXPECT_EQ(fit.profiles[0].code, "not_one_budget");
  EXPECT_FALSE(fit.usable);
}

TEST(IsoflopProfiles, ScatteredFlopsFormTheirBudgetsInAscendingOrder) {
  std::vector<Observation> rows = isoflop_grid({1e20, 1e18, 1e19}, 5, 0, 0);
  SplitMix64 random(5);
  for (Observation& row : rows) {
    row.budget.reset();
    row.flops *= std::exp(0.02 * (2 * random.uniform() - 1));
  }
  const auto groups = group_by_budget(rows);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_NEAR(groups[0].budget / 1e18, 1, 0.05);
  EXPECT_EQ(groups[2].rows, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

// Sizes from `off` / span to `off` * span times the optimum, without noise.
std::vector<Observation> shifted_grid(const LawParameters& law, int sizes, double span,
                                      double off) {
  std::vector<Observation> rows;
  for (const double budget : {1e18, 1e19, 1e20, 1e21}) {
    for (int k = 0; k < sizes; ++k) {
      Observation o{.flops = budget, .budget = budget};
      o.params = off * true_optimum(budget, law) * std::pow(span, 2.0 * k / (sizes - 1) - 1);
      o.tokens = budget / (6 * o.params);
      o.loss = predict_loss(law, o.params, o.tokens);
      rows.push_back(o);
    }
  }
  return rows;
}

struct LargestBias {
  double akima = 0, parabola = 0, joint = 0;  // of ln N
};

LargestBias bias_of(const IsoflopFit& fit, const LawParameters& law) {
  LargestBias out;
  for (const BudgetProfile& p : fit.profiles) {
    const double truth = std::log(true_optimum(p.budget, law));
    const auto add = [&](const std::optional<double>& found, double& worst) {
      worst = std::max(worst, found ? std::abs(std::log(*found) - truth) : INFINITY);
    };
    add(p.akima, out.akima), add(p.parabola, out.parabola), add(p.joint, out.joint);
  }
  return out;
}

// alpha and beta far apart make a lopsided valley.
constexpr LawParameters kLopsided = {.E = 1.8, .A = 5000, .B = 400, .alpha = 0.45, .beta = 0.28};

TEST(IsoflopProfiles, OnALawsOwnValleysTheJointProjectionIsExactAndTheOthersNearlySo) {
  // Centred and off-centre grids from a factor of 4 to 16 to each side. The bounds are the measured
  // largest errors, 0.5 % and 1.2 %, rounded up; for a parabola through all points of the wide grid
  // the literature has 4 %.
  for (const double span : {4.0, 16.0}) {
    for (const double off : {1.0, 3.0, 1.0 / 3}) {
      const IsoflopFit fit = fit_isoflop(shifted_grid(kTruth, 7, span, off));
      ASSERT_TRUE(fit.usable);
      const LargestBias bias = bias_of(fit, kTruth);
      EXPECT_LT(bias.akima, 0.006) << span << ' ' << off;
      EXPECT_LT(bias.parabola, 0.013) << span << ' ' << off;
      EXPECT_LT(bias.joint, 1e-6) << span << ' ' << off;
    }
  }
}

TEST(IsoflopProfiles, ALopsidedLawBiasesTheParabolaTwiceAsMuchAsAkima) {
  const IsoflopFit fit = fit_isoflop(shifted_grid(kLopsided, 7, 16, 1));
  ASSERT_TRUE(fit.usable);
  const LargestBias bias = bias_of(fit, kLopsided);
  EXPECT_LT(bias.akima, 0.04);  // measured 0.036, steps of a factor of 2.5
  EXPECT_LT(bias.parabola, 0.09);
  EXPECT_GT(bias.parabola, 2 * bias.akima);
  EXPECT_LT(bias.joint, 1e-6);
  // The disagreement that is printed is as large as the error of the worse one.
  EXPECT_GE(fit.profiles[0].disagreement, 0.99 * bias.parabola);
}

TEST(IsoflopProfiles, ReproducesAllTenPrintedExponentsFromTheRawPoints) {
  const std::vector<PrintedExponent> printed = porian_exponents();
  if (printed.empty() || porian_points("rw", '1').empty()) {
    GTEST_SKIP() << "the points of Porian et al. 2024 are not there";
  }
  ASSERT_EQ(printed.size(), 10u);
  for (const PrintedExponent& p : printed) {
    const IsoflopFit fit = fit_isoflop(porian_points(p.data, p.stage));
    ASSERT_TRUE(fit.usable);
    EXPECT_GT(fit.a.value, p.low) << p.data << p.stage;
    EXPECT_LT(fit.a.value, p.high) << p.data << p.stage;
    // Their value lies in our interval: two honest intervals of the same data overlap.
    EXPECT_LT(*fit.a.low, p.value) << p.data << p.stage;
    EXPECT_GT(*fit.a.high, p.value) << p.data << p.stage;
  }
}

TEST(IsoflopProfiles, AkimaAgreesWithTheUnweightedExponentsOfTheLiterature) {
  // Unweighted lines through Akima's minima: .834 .715 .606 .572 .497.
  const double expected[] = {0.834, 0.715, 0.606, 0.572, 0.497};
  if (porian_points("rw", '1').empty()) GTEST_SKIP() << "the points are not there";
  for (int stage = 0; stage < 5; ++stage) {
    const IsoflopFit fit =
        fit_isoflop(porian_points("rw", static_cast<char>('1' + stage)), {.draws = 0});
    EXPECT_NEAR(fit.a.value, expected[stage], 0.0007) << stage + 1;
    EXPECT_FALSE(fit.a.low.has_value());
  }
}

TEST(IsoflopProfiles, TheIntervalCoversTheTruthAboutAsOftenAsItSays) {
  // 120 worlds: a share of 0.9 has standard error 0.027, so 0.8 is more than 3 of them below.
  constexpr int kWorlds = 120;
  const double truth = kTruth.beta / (kTruth.alpha + kTruth.beta);
  constexpr double kFar = 1e23;
  int covers_a = 0;
  int covers_params = 0;
  for (int world = 0; world < kWorlds; ++world) {
    const auto rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 7, 0.002,
                                   static_cast<std::uint64_t>(world) + 1000, 6);
    const IsoflopFit fit = fit_isoflop(rows, {.draws = 200});
    ASSERT_TRUE(fit.usable && fit.a.low);
    covers_a += *fit.a.low <= truth && truth <= *fit.a.high;
    const Interval params = interval_at(fit.params_law, kFar, 0.9);
    covers_params += *params.low <= true_optimum(kFar) && true_optimum(kFar) <= *params.high;
  }
  EXPECT_GT(covers_a, 0.8 * kWorlds);
  EXPECT_GT(covers_params, 0.8 * kWorlds);
  EXPECT_LT(covers_a, kWorlds);  // an interval that always covers says nothing
}

TEST(IsoflopProfiles, NoiseComesFromReplicatesWhereThereAreAny) {
  auto rows = isoflop_grid({1e18, 1e19, 1e20}, 7, 0.003, 8);
  const IsoflopFit single = fit_isoflop(rows);
  EXPECT_EQ(single.noise_source, "residuals");
  const auto again = isoflop_grid({1e18, 1e19, 1e20}, 7, 0.003, 9);
  rows.insert(rows.end(), again.begin(), again.end());
  const IsoflopFit twice = fit_isoflop(rows);
  EXPECT_EQ(twice.noise_source, "replicates");
  // 21 degrees of freedom: a standard deviation is good to 15 %; 3 of them.
  EXPECT_NEAR(twice.noise, 0.003, 0.0014);
  EXPECT_EQ(twice.profiles[0].points, 14);
  EXPECT_EQ(twice.profiles[0].sizes, 7);
}

TEST(IsoflopProfiles, StatedErrorsCountWhenTheyExceedTheScatter) {
  auto rows = isoflop_grid({1e18, 1e19, 1e20}, 7, 0.0005, 3);
  for (Observation& row : rows) row.loss_error = 0.002 * row.loss;
  const IsoflopFit fit = fit_isoflop(rows);
  EXPECT_EQ(fit.noise_source, "loss_error");
  EXPECT_NEAR(fit.noise, 0.002, 1e-12);
  for (Observation& row : rows) row.loss_error = 1e-6;
  EXPECT_EQ(fit_isoflop(rows).noise_source, "residuals");
}

TEST(IsoflopProfiles, AValleyThatTheNoiseCouldMakeIsNone) {
  // A loss that hardly moves over the sizes, with large stated errors: the lowest could be any.
  std::vector<Observation> rows;
  for (const double c : {1e18, 1e19, 1e20})
    add_parabola(rows, c, 1e8, {3e7, 6e7, 1e8, 1.6e8, 3e8}, 1e-4);
  for (Observation& row : rows) row.loss_error = 0.1;
  const IsoflopFit fit = fit_isoflop(rows);
  EXPECT_FALSE(fit.usable);
  for (const BudgetProfile& p : fit.profiles) EXPECT_EQ(p.code, "not_convex");
}

TEST(IsoflopProfiles, WarnsWhenEstimatorsDisagreeBeyondTheInterval) {
  std::vector<Observation> rows;
  // Cubic terms that grow with C move the parabola's vertex but not the minimum.
  for (const double c : {1e18, 1e19, 1e20, 1e21}) {
    const double bottom = 1e8 * std::sqrt(c / 1e18);
    for (int k = -4; k <= 4; ++k) {
      const double u = 0.25 * k;
      Observation o{.params = bottom * std::exp(u), .flops = c, .budget = c};
      o.tokens = c / (6 * o.params);
      o.loss = 3 + 0.1 * u * u + 0.02 * std::log10(c / 1e18) * u * u * u;
      rows.push_back(o);
    }
  }
  const IsoflopFit fit = fit_isoflop(rows);
  ASSERT_TRUE(fit.usable);
  EXPECT_NEAR(fit.a.value, 0.5, 5e-3);  // Akima feels a little of it too
  ASSERT_FALSE(fit.warnings.empty());
  EXPECT_EQ(fit.warnings.back().code, "estimators_disagree");
}

TEST(IsoflopProfiles, TokensFollowTheConventionsFlopsPerToken) {
  const FlopsPerToken flops = FlopsPerToken::from_nodes("exact", {{1e7, 9e7}, {1e10, 6.6e10}});
  std::vector<Observation> rows;
  for (const double c : {1e18, 1e19, 1e20}) {
    const double bottom = 1e8 * std::sqrt(c / 1e18);
    add_parabola(rows, c, bottom, {bottom / 3, bottom / 2, bottom, bottom * 2, bottom * 3});
  }
  const IsoflopFit fit = fit_isoflop(rows, {.flops = flops});
  ASSERT_TRUE(fit.usable);
  for (const BudgetProfile& p : fit.profiles) {
    EXPECT_NEAR(p.tokens * flops(p.params) / p.budget, 1, 1e-12);
  }
  EXPECT_GT(fit.a.value + fit.b.value, 1.001);  // f(N) grows more slowly than 6 N there
}

TEST(IsoflopProfiles, DrawsGiveTheIntervalsAndDependOnTheSeedOnly) {
  const auto rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 9, 0.002, 4, 4);
  const IsoflopFit fit = fit_isoflop(rows);
  EXPECT_EQ(fit.params_law.draws.size(), 1000u);
  EXPECT_EQ(fit.tokens_law.draws.size(), 1000u);
  EXPECT_EQ(fit, fit_isoflop(rows));
  EXPECT_NE(fit.params_law.draws, fit_isoflop(rows, {.seed = 1}).params_law.draws);
  EXPECT_EQ(fit.a, slope_interval(fit.params_law, 0.9));
  // Farther from the data the interval is wider.
  const auto width = [&](double c) {
    const Interval i = interval_at(fit.params_law, c, 0.9);
    return std::log(*i.high / *i.low);
  };
  EXPECT_GT(width(1e24), 2 * width(3e19));
}

TEST(IsoflopProfiles, ThousandsOfSizesAreThinnedAndGiveTheLaw) {
  const auto rows = isoflop_grid({1e18, 1e19, 1e20}, 2000, 0.002, 6, 6);
  const IsoflopFit fit = fit_isoflop(rows, {.draws = 100});
  ASSERT_TRUE(fit.usable && fit.a.low);
  EXPECT_EQ(fit.profiles[0].sizes, 2000);
  EXPECT_NEAR(fit.noise, 0.002, 0.0003);
  const double truth = kTruth.beta / (kTruth.alpha + kTruth.beta);
  EXPECT_NEAR(fit.a.value, truth, 0.05);
  ASSERT_EQ(fit.estimators.size(), 3u);
  EXPECT_NEAR(fit.estimators[2].a.value, truth, 0.005);  // joint: all points together
}

}  // namespace
}  // namespace isoflop
