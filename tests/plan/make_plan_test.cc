#include "plan/make_plan.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/shape_rule.h"
#include "fit/fit_law.h"
#include "law/loss_law.h"
#include "law/optimum.h"
#include "law/presets.h"
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

std::string refusal_of(const LawFit& fit, const PlanRequest& request) {
  try {
    make_plan(fit, request);
  } catch (const Error& error) {
    return error.code().empty() ? "usage" : error.code();
  }
  return "";
}

TEST(PlanRequests, AGivenSizeGetsTheTokensThatTheBudgetBuysAndSaysWhatItWastes) {
  const Plan plan = make_plan(preset_law("epoch2024"), {.flops = 5.76e23, .params = 7e9});
  EXPECT_EQ(plan.params.value, 7e9);
  EXPECT_NEAR(plan.tokens.value / (5.76e23 / 42e9), 1, 1e-12);
  EXPECT_EQ(plan.binding, "params");
  ASSERT_TRUE(plan.against_optimum);
  EXPECT_NEAR(plan.against_optimum->params, 72.2e9, 0.05e9);
  EXPECT_NEAR(plan.against_optimum->loss + plan.against_optimum->loss_difference, plan.loss.value,
              1e-12);
  // As good as the best model of so much less compute.
  const Plan same =
      make_plan(preset_law("epoch2024"), 5.76e23 / (1 + plan.against_optimum->extra_compute));
  EXPECT_NEAR(same.loss.value, plan.loss.value, 1e-9);
}

TEST(PlanRequests, GivenTokensGetTheSizeThatTheBudgetBuys) {
  const Plan plan = make_plan(preset_law("epoch2024"), {.flops = 5.76e23, .tokens = 1e12});
  EXPECT_EQ(plan.tokens.value, 1e12);
  EXPECT_NEAR(plan.params.value / 96e9, 1, 1e-12);
  EXPECT_EQ(plan.binding, "tokens");
}

TEST(PlanRequests, ATargetLossIsReachedAsCheaplyAsTheBudgetThatReachesIt) {
  const LawFit fit = fitted(0.002);
  const Plan forward = make_plan(fit, 1e20);
  const Plan back = make_plan(fit, {.loss = forward.loss.value});
  EXPECT_NEAR(back.flops / 1e20, 1, 1e-8);
  EXPECT_NEAR(back.params.value / forward.params.value, 1, 1e-8);
  ASSERT_TRUE(back.needed_flops && back.needed_flops->low && back.needed_flops->high);
  EXPECT_LT(*back.needed_flops->low, back.flops);
  EXPECT_GT(*back.needed_flops->high, back.flops);
  EXPECT_FALSE(back.loss.low);
  EXPECT_EQ(back.budget.kind, "loss");
}

TEST(PlanRequests, ALossBelowTheFloorIsRefused) {
  const LawFit& law = preset_law("epoch2024");
  EXPECT_EQ(refusal_of(law, {.loss = law.parameters.E}), "unreachable_loss");
  EXPECT_EQ(refusal_of(law, {.loss = 1.0}), "unreachable_loss");
  EXPECT_EQ(refusal_of(law, {.loss = 1.9}), "");
  // 100M parameters never get to 2.5, nor do 1e9 tokens, nor anything below 100M.
  EXPECT_EQ(refusal_of(law, {.loss = 2.4, .params = 1e8}), "unreachable_loss");
  EXPECT_EQ(refusal_of(law, {.loss = 2.4, .tokens = 1e9}), "unreachable_loss");
  EXPECT_EQ(refusal_of(law, {.loss = 2.4, .cap = SizeCap{1e8}}), "unreachable_loss");
  EXPECT_EQ(refusal_of(law, {.loss = 2.4, .settings = {.unique_tokens = 1e6}}), "unreachable_loss");
}

TEST(PlanRequests, DrawsThatNeverReachTheLossLeaveTheIntervalOpen) {
  LawFit fit = fitted(0.001);
  for (std::size_t k = 0; k < 20; ++k) fit.draws[k].E += 1;
  const double loss = fit.parameters.E + 0.5;
  const Plan plan = make_plan(fit, {.loss = loss});
  EXPECT_TRUE(has(plan, "unreachable_draws"));
  EXPECT_FALSE(plan.needed_flops->high);
  EXPECT_TRUE(plan.needed_flops->low);
}

TEST(PlanRequests, ConstraintsHoldInEveryDraw) {
  const LawFit fit = fitted(0.002);
  const Plan given = make_plan(fit, {.flops = 1e20, .params = 1e9});
  EXPECT_FALSE(given.params.low);
  EXPECT_FALSE(given.tokens.low && *given.tokens.low != *given.tokens.high);
  EXPECT_TRUE(given.loss.low);
  const Plan capped = make_plan(fit, {.flops = 1e20, .cap = SizeCap{5e8}});
  EXPECT_LE(*capped.params.high, 5e8);
  EXPECT_EQ(capped.binding, "max_params");
  EXPECT_EQ(make_plan(fit, {.flops = 1e20, .cap = SizeCap{1e12}}).binding, "");
}

TEST(PlanRequests, UniqueTokensAreCappedAndEpochsCounted) {
  const Plan plan =
      make_plan(preset_law("epoch2024"), {.flops = 5.76e23, .settings = {.unique_tokens = 1e11}});
  EXPECT_EQ(*plan.unique_tokens, 1e11);
  EXPECT_NEAR(*plan.epochs, plan.tokens.value / 1e11, 1e-12);
  EXPECT_TRUE(has(plan, "many_epochs"));
  const Plan enough =
      make_plan(preset_law("epoch2024"), {.flops = 5.76e23, .settings = {.unique_tokens = 3.2e12}});
  EXPECT_EQ(*enough.epochs, 1);
  EXPECT_FALSE(has(enough, "many_epochs"));
  EXPECT_NEAR(enough.params.value / 72.2e9, 1, 1e-3);
}

TEST(PlanRequests, SpendingAddsUpToTheBudget) {
  const Plan plan = make_plan(preset_law("epoch2024"),
                              {.flops = 1e23, .inference_tokens = 1e12, .fine_tune_tokens = 1e10});
  ASSERT_TRUE(plan.spending);
  EXPECT_NEAR(plan.spending->total / 1e23, 1, 1e-12);
  EXPECT_NEAR(plan.spending->inference, 2 * plan.params.value * 1e12, 1e9);
  EXPECT_NEAR(plan.spending->fine_tuning, 6 * plan.params.value * 1e10, 1e9);
  EXPECT_LT(plan.params.value, make_plan(preset_law("epoch2024"), 1e23).params.value);
}

TEST(PlanRequests, OnlyTrainingIsExtrapolated) {
  LawFit law = preset_law("epoch2024");
  law.flops_high = 1e22;
  const Plan plan = make_plan(law, {.flops = 1e23, .inference_tokens = 1e12});
  EXPECT_NEAR(*plan.extrapolation, plan.spending->training / 1e22, 1e-9);
  EXPECT_LT(*plan.extrapolation, 10);
}

TEST(PlanRequests, ServingOnDearerFlopsMakesModelsSmaller) {
  const LawFit& law = preset_law("epoch2024");
  const Plan even = make_plan(law, {.flops = 1e23, .inference_tokens = 1e12});
  const Plan dear =
      make_plan(law, {.flops = 1e23, .inference_tokens = 1e12, .inference_weight = 4});
  EXPECT_LT(dear.params.value, even.params.value);
}

TEST(PlanRequests, NonsenseIsAUsageError) {
  const LawFit& law = preset_law("epoch2024");
  EXPECT_EQ(refusal_of(law, {}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .loss = 2}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .params = 1e9, .tokens = 1e10}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .params = -1}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .inference_tokens = -1}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .params = 1e9, .cap = SizeCap{1e9}}), "usage");
  EXPECT_EQ(refusal_of(law, {.flops = 1e20, .params = 1e9, .inference_tokens = 1e30}),
            "budget_too_small");
}

// Each plans or says why it cannot: never a number that is none.
TEST(PlanRequests, EveryPublishedLawPlansOrRefuses) {
  for (const LawFit& law : preset_laws()) {
    for (const SurfaceSettings& settings :
         {SurfaceSettings{}, SurfaceSettings{.unique_tokens = 1e10},
          SurfaceSettings{.experts = 8, .granularity = 4}, SurfaceSettings{.sparsity = 0.5}}) {
      for (const double flops : {1e12, 1e21, 1e26}) {
        const PlanRequest request{.flops = flops, .settings = settings, .iso_loss = true};
        const std::string refused = refusal_of(law, request);
        if (!refused.empty()) continue;
        const Plan plan = make_plan(law, request);
        for (const double x : {plan.params.value, plan.tokens.value, plan.loss.value,
                               plan.near_optimal.params_low, plan.near_optimal.params_high}) {
          EXPECT_TRUE(std::isfinite(x) && x > 0) << law.law << ' ' << flops;
        }
        EXPECT_NEAR(plan.spending->total / flops, 1, 1e-9) << law.law;
      }
    }
  }
}

TEST(PlanRequests, PublishedLawsOfOtherFormsPlan) {
  const Plan kaplan = make_plan(preset_law("kaplan2020"), 1e21);
  EXPECT_GT(kaplan.params.value, make_plan(preset_law("epoch2024"), 1e21).params.value);
  const Plan repeated = make_plan(preset_law("muennighoff2023"),
                                  {.flops = 5.76e23, .settings = {.unique_tokens = 1e11}});
  EXPECT_GT(*repeated.epochs, 4);
  EXPECT_EQ(refusal_of(preset_law("clark2022-sbase"), {.flops = 1e20, .settings = {.experts = 8}}),
            "no_trade_off");
}

TEST(PlanRequests, TheIsoLossTableReachesThePlansLossAtEverySize) {
  const LawFit& law = preset_law("epoch2024");
  const Plan plan = make_plan(law, {.flops = 5.76e23, .iso_loss = true});
  ASSERT_EQ(plan.iso_loss.size(), 7u);
  for (const IsoLossRow& row : plan.iso_loss) {
    if (!row.tokens) continue;
    EXPECT_NEAR(predict_loss(law.parameters, row.params, *row.tokens), plan.loss.value, 1e-12);
    EXPECT_NEAR(6 * row.params * *row.tokens / *row.flops, 1, 1e-12);
    EXPECT_NEAR(*row.extra_compute, *row.flops / 5.76e23 - 1, 1e-6);
  }
  EXPECT_NEAR(*plan.iso_loss[3].extra_compute, 0, 1e-9);  // N* itself
  EXPECT_FALSE(plan.iso_loss[0].tokens);                  // an eighth of N* never gets there
}

TEST(PlanRequests, MemoryAndDevicesOfATrainingRun) {
  const Plan plan = make_plan(
      preset_law("epoch2024"),
      {.flops = 1e21, .params = 7e9, .fleet = parse_fleet("8xH100"), .memory_per_device = 80e9});
  EXPECT_EQ(plan.memory->weights, 14e9);
  EXPECT_EQ(*plan.memory->devices, 2);
  // 1e21 FLOP at 8 x 989e12 x 0.4 a second.
  EXPECT_NEAR(plan.cost->seconds, 1e21 / (8 * 989e12 * 0.4), 1);
}

}  // namespace
}  // namespace isoflop
