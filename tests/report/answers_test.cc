#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/units.h"
#include "report/fit_text.h"
#include "report/numbers_text.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Plan some_plan() {
  Plan plan{.flops = 5.76e23, .convention = "6nd", .law = "chinchilla"};
  plan.params = {.value = 73.2e9, .low = 60.1e9, .high = 90.4e9};
  plan.tokens = {.value = 1.31e12, .low = 1.06e12, .high = 1.6e12};
  plan.loss = {.value = 1.974, .low = 1.95, .high = 1.99};
  plan.near_optimal = {.extra_compute = 0.05, .params_low = 50e9, .params_high = 106e9};
  plan.extrapolation = 44.4;
  return plan;
}

TEST(AnswerText, FirstLineIsTheAnswerWithIntervalsInNaturalUnits) {
  EXPECT_THAT(
      plan_text(some_plan()),
      StartsWith("N* 73.2B [60.1B, 90.4B]  D* 1.31T [1.06T, 1.60T]  17.9 tokens/param  loss "
                 "1.974 [1.950, 1.990]; 5 % more compute buys any N in 50.0B to 106B; 44x "
                 "beyond the data; 90 % intervals\n"));
}

TEST(AnswerText, SaysNothingOfAShapeWhereThereIsNone) {
  Plan plan = some_plan();
  EXPECT_THAT(plan_text(plan), Not(HasSubstr("a shape of that size")));
  plan.shape.params = 73e9;
  EXPECT_THAT(plan_text(plan), HasSubstr("a shape of that size"));
}

TEST(AnswerText, SaysNothingOfIntervalsThatAreNotKnown) {
  Plan plan = some_plan();
  for (Interval* interval : {&plan.params, &plan.tokens, &plan.loss}) interval->low.reset();
  plan.extrapolation.reset();
  const std::string text = plan_text(plan);
  EXPECT_THAT(text, StartsWith("N* 73.2B  D* 1.31T  17.9 tokens/param  loss 1.974;"));
  EXPECT_THAT(text, Not(HasSubstr("intervals")));
  EXPECT_THAT(text, Not(HasSubstr("beyond the data")));
}

TEST(AnswerText, WarningsCarryTheirCode) {
  Plan plan = some_plan();
  plan.warnings = {{"extrapolation", "far out"}};
  EXPECT_THAT(plan_text(plan), HasSubstr("warning: far out [extrapolation]\n"));
}

TEST(AnswerText, AFitNamesConventionSearchAndBacktest) {
  LawFit fit{.parameters = {.E = 1.8, .A = 482, .B = 2085, .alpha = 0.35, .beta = 0.37}};
  fit.observations = 20;
  fit.starts_tried = 12;
  fit.starts_agreeing = 11;
  fit.backtest = Backtest{.budget = 1e20,
                          .fitted = 15,
                          .hidden = 5,
                          .mean_error = -0.005,
                          .max_error = 0.0123,
                          .best_error = 0.001};
  const std::string text = fit_text(fit);
  EXPECT_THAT(text, HasSubstr("L(N, D) = 1.8000 + 482 / N^0.3500 + 2.08k / D^0.3700 nats"));
  EXPECT_THAT(text, HasSubstr("(6nd)"));
  EXPECT_THAT(text, HasSubstr("11 of 12 starts agree"));
  EXPECT_THAT(text, HasSubstr("mean error -0.50 %, largest +1.23 %, at the lowest loss +0.10 %"));
  EXPECT_THAT(text, HasSubstr("a 0.514"));
}

}  // namespace
}  // namespace isoflop
