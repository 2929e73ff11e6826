#include "sweep/cost.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>

#include "core/hash.h"
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
  EXPECT_DOUBLE_EQ(sustained_flops(16), 7.5e9);
  EXPECT_DOUBLE_EQ(sustained_flops(64), 27e9);
  EXPECT_DOUBLE_EQ(sustained_flops(1024), 41e9);
  for (std::int64_t width = 8; width < 256; width += 4) {
    EXPECT_LE(sustained_flops(width), sustained_flops(width + 4)) << width;
  }
}

TEST(CostTest, TimeIsFlopsOverSpeed) {
  const Trial trial = decoder(32, 1e6);
  const TrialCost cost = cost_of(trial);
  EXPECT_DOUBLE_EQ(cost.seconds, total_flops(trial, FlopConvention::kExact) / 11.5e9);
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

TEST(CostTest, LongestFirstIsAsInGrahamsExample) {
  // Two workers: 7+4+3 and 6+5+2+1 would be best (14); the rule gives 7,4,3 | 6,5,2 + 1.
  EXPECT_DOUBLE_EQ(longest_first_makespan({1, 2, 3, 4, 5, 6, 7}, 2), 14);
  // Graham 1969: 2m + 1 jobs 5,5,4,4,3,3,3 on 3 workers: 11, where 9 is best.
  EXPECT_DOUBLE_EQ(longest_first_makespan({5, 5, 4, 4, 3, 3, 3}, 3), 11);
  EXPECT_DOUBLE_EQ(longest_first_makespan({}, 3), 0);
}

// The oracle tries every assignment.
double best_makespan(const std::vector<double>& jobs, std::vector<double>& loads, size_t next) {
  if (next == jobs.size()) return *std::max_element(loads.begin(), loads.end());
  double best = 1e300;
  for (double& load : loads) {
    load += jobs[next];
    best = std::min(best, best_makespan(jobs, loads, next + 1));
    load -= jobs[next];
  }
  return best;
}

TEST(CostTest, LongestFirstIsWithinGrahamsBoundOfTheBestSchedule) {
  SplitMix64 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> jobs;
    for (int i = 0; i < 8; ++i) jobs.push_back(1 + random.uniform());
    std::vector<double> loads(3, 0.0);
    const double best = best_makespan(jobs, loads, 0);
    const double fast = longest_first_makespan(jobs, 3);
    EXPECT_GE(fast, best * (1 - 1e-12));
    EXPECT_LE(fast, best * (4.0 / 3 - 1.0 / 9) * (1 + 1e-12));  // 4/3 - 1/(3m)
  }
}

}  // namespace
}  // namespace isoflop
