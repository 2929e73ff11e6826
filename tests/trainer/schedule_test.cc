#include "trainer/schedule.h"

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

}  // namespace
}  // namespace isoflop
