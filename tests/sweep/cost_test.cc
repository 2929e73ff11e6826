#include "sweep/cost.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/shape_rule.h"

namespace isoflop {
namespace {

Trial decoder(std::int64_t width, double tokens) {
  Trial trial;
  trial.model = shape_for_width(width, {});
  trial.train.tokens = tokens;
  return trial;
}

TEST(CostTest, SpeedIsTheMeasuredTableAndRisesWithWidth) {
  EXPECT_DOUBLE_EQ(sustained_flops(16), 70e9);
  EXPECT_DOUBLE_EQ(sustained_flops(64), 80e9);
  EXPECT_DOUBLE_EQ(sustained_flops(1024), 80e9);
  for (std::int64_t width = 8; width < 256; width += 4) {
    EXPECT_LE(sustained_flops(width), sustained_flops(width + 4)) << width;
  }
}

TEST(CostTest, TimeIsFlopsOverSpeed) {
  const Trial trial = decoder(32, 1e6);
  const TrialCost cost = cost_of(trial);
  EXPECT_DOUBLE_EQ(cost.seconds, total_flops(trial, FlopConvention::kExact) / 75e9);
  EXPECT_DOUBLE_EQ(cost_of(trial, 2).seconds, cost.seconds / 2);
  EXPECT_EQ(cost.steps, 1953);  // 1e6 / (4 x 128)
}

TEST(CostTest, MemoryCountsEveryTermOnceByHand) {
  Trial trial;  // L2 d32 h2x16 f128, GELU, V 256, S 128, batch 4
  const double activations =
      4.0 * 4 * 128 * (2 * (8 * 32 + 4 * 32 + 2 * 128 + 2 * 2 * 128) + 4 * 32 + 3 * 256);
  EXPECT_DOUBLE_EQ(memory_bytes(trial), 300e6 + 16 * params_of(trial) + activations);
}

TEST(CostTest, TotalsAreSumsAndPeakMemoryIsOfTheLargestAtOnce) {
  const std::vector<PlannedTrial> trials{
      {.trial = decoder(16, 1e6)}, {.trial = decoder(64, 1e6)}, {.trial = decoder(32, 1e6)}};
  const SweepCost cost = cost_of(trials, {.workers = 2});
  EXPECT_DOUBLE_EQ(cost.memory_bytes, cost.trials[1].memory_bytes + cost.trials[2].memory_bytes);
  EXPECT_DOUBLE_EQ(cost.core_seconds,
                   cost.trials[0].seconds + cost.trials[1].seconds + cost.trials[2].seconds);
  EXPECT_GE(cost.seconds, cost.core_seconds / 2);
  EXPECT_LE(cost.seconds, cost.core_seconds);
}

// One trunk at `steps` steps of 512 tokens each, a fifth of them its cooldown.
std::vector<PlannedTrial> trunk(std::int64_t width, const std::vector<int>& steps) {
  std::vector<PlannedTrial> trials;
  for (const int count : steps) {
    Trial trial = decoder(width, 512.0 * count);
    trial.train.schedule = "cooldown";
    trial.train.warmup_tokens = 512 * 10;
    trials.push_back({.trial = trial});
  }
  return trials;
}

// Budgets a factor 2 apart: 0.2 (1 + 2 + 4 + 8) + 0.8 x 8 of 15.
TEST(CostTest, ASharedTrunkCostsWhatItsGeometrySays) {
  const auto trials = trunk(32, {800, 100, 400, 200});  // in any order
  const SweepCost cost = cost_of(trials, {});
  const double step = 512 * flops_per_token(trials[0].trial, FlopConvention::kExact);
  EXPECT_DOUBLE_EQ(cost.flops_exact_alone, 1500 * step);
  EXPECT_DOUBLE_EQ(cost.flops_exact, (0.2 * 1500 + 0.8 * 800) * step);
  EXPECT_NEAR(cost.flops_exact / cost.flops_exact_alone, 0.62667, 1e-5);
  EXPECT_NEAR(cost.flops_6nd / cost.flops_6nd_alone, 0.62667, 1e-5);
  EXPECT_EQ(cost.trunks, 1);
  EXPECT_EQ(cost.trials[1].given, 0);
  EXPECT_EQ(cost.trials[3].given, 80 * 512);
  EXPECT_EQ(cost.trials[0].given, 320 * 512);
  EXPECT_DOUBLE_EQ(cost.trials[0].flops_exact, 800 * step) << "a point's C is all of its steps";
  // Alone on one core: no waiting.
  EXPECT_DOUBLE_EQ(cost.seconds, cost.core_seconds);
  EXPECT_DOUBLE_EQ(cost.core_seconds, cost.flops_exact / sustained_flops(32));
}

TEST(CostTest, DenserLaddersShareMore) {
  // Ten budgets a factor sqrt 2 apart: 0.2 + 0.8 x 16 sqrt 2 / sum = 0.2 + 0.8 x 0.302... = 0.44.
  std::vector<int> steps;
  double sum = 0;
  for (int i = 0; i < 10; ++i) {
    steps.push_back(5 * static_cast<int>(std::lround(200 * std::pow(2, 0.5 * i))));
    sum += steps.back();
  }
  const SweepCost cost = cost_of(trunk(32, steps), {});
  EXPECT_NEAR(cost.flops_exact / cost.flops_exact_alone, 0.2 + 0.8 * steps.back() / sum, 1e-12);
  EXPECT_LT(cost.flops_exact / cost.flops_exact_alone, 0.45);
}

TEST(CostTest, OtherSeedsAndSchedulesShareNothing) {
  auto trials = trunk(32, {100, 100});
  trials[1].trial.seed = 2;
  trials.push_back({.trial = decoder(32, 51200)});
  trials.push_back({.trial = decoder(32, 102400)});
  const SweepCost cost = cost_of(trials, {});
  EXPECT_EQ(cost.trunks, 0);
  EXPECT_DOUBLE_EQ(cost.flops_exact, cost.flops_exact_alone);
}

}  // namespace
}  // namespace isoflop
