#include "design/planned_grid.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/interval.h"
#include "fit/fit_law.h"
#include "law/optimum.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

constexpr double kFarBudget = 1e22;

PlannedGridAnswer answer(const std::vector<Observation>& points, double noise = 0.003,
                         int simulations = 100, int threads = 0) {
  return simulate_planned_grid(points, "grid",
                               {.truth = kTruth,
                                .target_flops = kFarBudget,
                                .noise = noise,
                                .simulations = simulations,
                                .threads = threads});
}

TEST(PlannedGrid, TheIntervalItPromisesIsTheOneThatAFitThenHas) {
  const std::vector<double> budgets = {1e18, 4e18, 1.6e19, 6.4e19};
  const double promised = std::log(answer(isoflop_grid(budgets, 6, 0, 1), 0.003, 200).spread);
  double had = 0;
  constexpr int kWorlds = 15;
  for (int world = 0; world < kWorlds; ++world) {
    const LawFit fit = fit_law(isoflop_grid(budgets, 6, 0.003, 50 + world), "grid",
                               {.draws = 200, .isoflop = false, .backtest = false});
    std::vector<double> sizes;
    for (const LawParameters& draw : fit.draws) {
      sizes.push_back(compute_optimum(draw, fit.flops, kFarBudget).params);
    }
    const Interval n = interval_over(1, sizes, fit.interval_level);
    had += std::log(*n.high / *n.low) / kWorlds;
  }
  // Row bootstraps of 24 points are somewhat wider than the sampling distribution
  // (fit/bootstrap.h).
  EXPECT_GT(had, 0.8 * promised);
  EXPECT_LT(had, 1.6 * promised);
}

TEST(PlannedGrid, MoreNoiseIsWiderAndALargerGridNarrower) {
  const auto small = isoflop_grid({1e18, 1e19, 1e20}, 5, 0, 1);
  const auto large = isoflop_grid({1e18, 3e18, 1e19, 3e19, 1e20}, 9, 0, 1);
  EXPECT_GT(answer(small, 0.006).spread, 1.3 * answer(small, 0.002).spread);
  EXPECT_LT(answer(large).spread, answer(small).spread);
  EXPECT_NEAR(answer(large).flops, 9 * (1e18 + 3e18 + 1e19 + 3e19 + 1e20), 1e12);
}

TEST(PlannedGrid, TheTruthLiesInsideAndThreadsDoNotChangeABit) {
  const auto points = isoflop_grid({1e18, 1e19, 1e20}, 7, 0, 1);
  const PlannedGridAnswer one = answer(points, 0.003, 60, 1);
  const PlannedGridAnswer two = answer(points, 0.003, 60, 2);
  EXPECT_EQ(*one.params.low, *two.params.low);
  EXPECT_EQ(*one.loss.high, *two.loss.high);
  EXPECT_NEAR(one.params.value, true_optimum(kFarBudget), 1e-6 * one.params.value);
  EXPECT_LT(*one.params.low, one.params.value);
  EXPECT_GT(*one.params.high, one.params.value);
  EXPECT_LT(std::abs(one.bias), 0.25);
}

TEST(PlannedGrid, AHopelessGridIsRefusedBeforeItIsRun) {
  auto one_size = isoflop_grid({1e18, 1e19, 1e20}, 3, 0, 1);
  for (Observation& point : one_size) point.params = 1e9;
  try {
    answer(one_size);
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3);
    EXPECT_EQ(error.code(), "one_size");
  }
  EXPECT_THROW(answer(isoflop_grid({1e18, 1e19, 1e20}, 5, 0, 1), -1), Error);
  EXPECT_THROW(answer(isoflop_grid({1e18, 1e19, 1e20}, 5, 0, 1), 0.003, 5), Error);
}

}  // namespace
}  // namespace isoflop
