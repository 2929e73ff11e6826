#include "fit/isoflop_profiles.h"

#include <cmath>
#include <gtest/gtest.h>

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
  EXPECT_LT(*fit.a.high - *fit.a.low, 0.1);
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

}  // namespace
}  // namespace isoflop
