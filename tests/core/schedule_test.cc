#include "core/schedule.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numbers>

namespace isoflop {
namespace {

Trial with(double tokens, double warmup = 0.05) {
  Trial trial;
  trial.model.context = 128;
  trial.train.batch = 4;
  trial.train.tokens = tokens;
  trial.train.warmup = warmup;
  trial.train.final_rate = 0.1;
  return trial;
}

TEST(Schedule, SpendsTheTrialsOwnTokens) {
  EXPECT_EQ(steps_of(with(512 * 1000)), 1000);
  EXPECT_EQ(steps_of(with(100)), 1);
}

TEST(Schedule, WarmsUpLinearlyThenFollowsACosineToTheLastStep) {
  const Schedule schedule = schedule_of(with(512 * 1000));
  EXPECT_EQ(schedule.warmup_steps, 50);
  EXPECT_NEAR(rate_factor(schedule, 0), 1.0 / 51, 1e-12);
  EXPECT_NEAR(rate_factor(schedule, 49), 50.0 / 51, 1e-12);
  EXPECT_NEAR(rate_factor(schedule, 50), 1.0, 1e-12);
  // Half-way between the end of the warm-up and the end of the run: half-way down.
  EXPECT_NEAR(rate_factor(schedule, 50 + 475), 0.1 + 0.9 * 0.5, 1e-12);
  // The last step is one step of the cosine away from the final rate.
  const double last = 0.1 + 0.9 * 0.5 * (1 + std::cos(std::numbers::pi * 949 / 950));
  EXPECT_NEAR(rate_factor(schedule, 999), last, 1e-12);
  EXPECT_LT(rate_factor(schedule, 999), 0.10001);
}

TEST(Schedule, WarmsUpForTenStepsAtLeastAndHalfOfAllAtMost) {
  EXPECT_EQ(schedule_of(with(512 * 100)).warmup_steps, 10);
  EXPECT_EQ(schedule_of(with(512 * 8)).warmup_steps, 4);
}

TEST(Schedule, ACosinesWarmUpInTokensIsNotLengthenedBeyondItsHalf) {
  Trial trial = with(512 * 8);
  trial.train.warmup_tokens = 512;
  EXPECT_EQ(schedule_of(trial).warmup_steps, 4);
  trial.train.warmup_tokens = 512 * 6;
  EXPECT_EQ(schedule_of(trial).warmup_steps, 6) << "what was asked for";
}

TEST(Schedule, NeverRisesAfterTheWarmUp) {
  const Schedule schedule = schedule_of(with(512 * 300));
  for (std::int64_t step = schedule.warmup_steps + 1; step < schedule.steps; ++step) {
    EXPECT_LE(rate_factor(schedule, step), rate_factor(schedule, step - 1));
  }
}

TEST(Schedule, OneStepTrialsHaveARate) {
  const Schedule schedule = schedule_of(with(1, 0.0));
  EXPECT_EQ(schedule.warmup_steps, 0);
  EXPECT_EQ(rate_factor(schedule, 0), 1.0);
}

Trial cooling(double tokens, const char* shape = "sqrt") {
  Trial trial = with(tokens);
  trial.train.schedule = "cooldown";
  trial.train.cooldown_shape = shape;
  trial.train.warmup_tokens = 512 * 20;
  trial.train.final_rate = 0;
  return trial;
}

TEST(Schedule, StaysConstantUntilTheCooldownThenFallsByTheSquareRoot) {
  const Schedule schedule = schedule_of(cooling(512 * 1000));
  EXPECT_EQ(schedule.warmup_steps, 20);
  EXPECT_EQ(schedule.branch_step, 800);
  EXPECT_EQ(rate_factor(schedule, 20), 1);
  EXPECT_EQ(rate_factor(schedule, 799), 1);
  EXPECT_EQ(rate_factor(schedule, 800), 1);
  EXPECT_NEAR(rate_factor(schedule, 850), 1 - std::sqrt(0.25), 1e-12);
  EXPECT_NEAR(rate_factor(schedule, 999), 1 - std::sqrt(0.995), 1e-12);
  EXPECT_NEAR(rate_factor(schedule_of(cooling(512 * 1000, "linear")), 850), 0.75, 1e-12);
}

TEST(Schedule, NothingBeforeTheBranchDependsOnTheTokens) {
  const Schedule shorter = schedule_of(cooling(512 * 400));
  const Schedule longer = schedule_of(cooling(512 * 3000));
  for (std::int64_t step = 0; step < shorter.branch_step; ++step) {
    ASSERT_EQ(rate_factor(shorter, step), rate_factor(longer, step)) << step;
  }
}

TEST(Schedule, TrialsOfOneTrunkDifferInTokensAndCooldownOnly) {
  const Trial a = cooling(512 * 400);
  Trial b = cooling(512 * 3000, "linear");
  b.train.cooldown = 0.1;
  EXPECT_EQ(trunk_identity(a), trunk_identity(b));
  EXPECT_EQ(branch_tokens(b), 512 * 2700);
  b.seed = 2;
  EXPECT_NE(trunk_identity(a), trunk_identity(b));
  EXPECT_EQ(trunk_identity(with(512 * 400)), "");
  EXPECT_EQ(branch_tokens(with(512 * 400)), 0);
}

}  // namespace
}  // namespace isoflop
