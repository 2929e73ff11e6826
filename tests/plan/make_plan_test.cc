#include "plan/make_plan.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/shape_rule.h"
#include "fit/fit_law.h"
#include "law/presets.h"
#include "plan/optimum.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

bool has(const Plan& plan, const std::string& code) {
  return std::any_of(plan.warnings.begin(), plan.warnings.end(),
                     [&](const Warning& w) { return w.code == code; });
}

LawFit fitted(double noise, int draws = 60) {
  return fit_law(isoflop_grid({1e17, 3e17, 1e18, 3e18}, 6, noise, 8), "runs.csv",
                 {.draws = draws, .isoflop = false, .backtest = false});
}

TEST(MakePlan, APresetHasAPointAndNoInterval) {
  const Plan plan = make_plan(preset_law("epoch2024"), 5.76e23);
  EXPECT_NEAR(plan.params.value, 72.2e9, 0.05e9);
  EXPECT_FALSE(plan.params.low.has_value());
  EXPECT_FALSE(plan.loss.high.has_value());
  EXPECT_FALSE(plan.extrapolation.has_value());
  EXPECT_TRUE(has(plan, "no_uncertainty"));
  EXPECT_FALSE(has(plan, "extrapolation"));
  EXPECT_EQ(plan.law, "epoch2024");
  EXPECT_EQ(plan.convention, "6nd");
  EXPECT_FALSE(plan.citation.empty());
}

TEST(MakePlan, TheShapeIsOneOfTheRuleNearTheOptimum) {
  const LawFit& law = preset_law("chinchilla-huber");
  const Plan plan = make_plan(law, 5.76e23);
  EXPECT_EQ(plan.shape.model, shape_for_params(plan.params.value, PlanOptions{}.base));
  EXPECT_EQ(plan.shape.params, static_cast<double>(count_params(plan.shape.model).total()));
  EXPECT_NEAR(plan.shape.params / plan.params.value, 1, 0.05);
  EXPECT_NEAR(6 * plan.shape.params * plan.shape.tokens / 5.76e23, 1, 1e-12);
  EXPECT_GE(plan.shape.loss, plan.loss.value);
  EXPECT_NEAR(plan.shape.loss, plan.loss.value, 1e-4);
}

TEST(MakePlan, AFitHasIntervalsAroundThePoint) {
  const Plan plan = make_plan(fitted(0.002), 3e20);
  for (const Interval& interval : {plan.params, plan.tokens, plan.loss}) {
    ASSERT_TRUE(interval.low.has_value() && interval.high.has_value());
    EXPECT_LT(*interval.low, interval.value);
    EXPECT_GT(*interval.high, interval.value);
  }
  EXPECT_NEAR(*plan.extrapolation, 100, 1e-9);
  EXPECT_TRUE(has(plan, "extrapolation"));
  EXPECT_FALSE(has(plan, "no_uncertainty"));
  EXPECT_EQ(plan.interval_level, 0.9);
}

TEST(MakePlan, FartherAheadIsLessSure) {
  const LawFit fit = fitted(0.002);
  double last = 1;
  for (const double flops : {3e18, 3e20, 3e22}) {
    const Plan plan = make_plan(fit, flops);
    const double width = *plan.params.high / *plan.params.low;
    EXPECT_GT(width, last);
    last = width;
  }
}

TEST(MakePlan, InsideTheDataThereIsNoExtrapolation) {
  const Plan plan = make_plan(fitted(0.001), 1e18);
  EXPECT_FALSE(has(plan, "extrapolation"));
  EXPECT_LT(*plan.extrapolation, 1);
}

TEST(MakePlan, TheFitsOwnWarningsArePassedOn) {
  LawFit fit = fitted(0.001);
  fit.warnings.push_back({.code = "starts_disagree", .message = "x"});
  EXPECT_TRUE(has(make_plan(fit, 1e19), "starts_disagree"));
}

TEST(MakePlan, ARunawayDrawStaysInAndIsCounted) {
  LawFit fit = fitted(0.001);
  for (std::size_t k = 0; k < 10; ++k) fit.draws[k].alpha = -0.1;
  const Plan plan = make_plan(fit, 1e20);
  EXPECT_TRUE(has(plan, "runaway_draws"));
  EXPECT_TRUE(has(plan, "wide_interval"));
  EXPECT_LT(*plan.params.low, 2);  // 10 of 60 draws lie at one parameter
}

TEST(MakePlan, TokensPerParameterOutsideTheDataAreWarnedOf) {
  LawFit fit = fitted(0.001);
  EXPECT_FALSE(has(make_plan(fit, 1e19), "tokens_per_param_outside"));
  fit.tokens_per_param_high = 3;
  EXPECT_TRUE(has(make_plan(fit, 1e19), "tokens_per_param_outside"));
}

TEST(MakePlan, TheFitsConventionDecidesTheTokens) {
  LawFit fit = fitted(0.001);
  fit.flops = FlopsPerToken::from_nodes("exact", {{1e6, 12e6}, {1e12, 12e12}});
  const Plan plan = make_plan(fit, 1e20);
  EXPECT_NEAR(12 * plan.params.value * plan.tokens.value / 1e20, 1, 1e-12);
  EXPECT_NEAR(12 * plan.shape.params * plan.shape.tokens / 1e20, 1, 1e-12);
  EXPECT_EQ(plan.convention, "exact");
}

TEST(MakePlan, ALawWithoutAnOptimumIsRefused) {
  LawFit fit = preset_law("epoch2024");
  fit.parameters.alpha = -0.1;
  try {
    make_plan(fit, 1e20);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRefused);
    EXPECT_EQ(error.code(), "no_optimum");
  }
}

TEST(MakePlan, ABudgetThatIsNoBudgetIsAnError) {
  EXPECT_THROW(make_plan(preset_law("epoch2024"), 0), Error);
  EXPECT_THROW(make_plan(preset_law("epoch2024"), std::nan("")), Error);
}

}  // namespace
}  // namespace isoflop
