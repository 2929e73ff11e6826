#include "plan/compare_sizes.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

Observation measured(double budget, double params, double loss, std::int64_t seed) {
  return {.params = params,
          .tokens = budget / 6 / params,
          .flops = budget,
          .loss = loss,
          .budget = budget,
          .seed = seed,
          .extra = {{"exact_flops", 1.5 * budget}}};
}

TEST(CompareSizes, TheWinnerIsJudgedAgainstTheNoiseOfSeeds) {
  const std::vector<Observation> runs = {
      measured(1e12, 2e5, 1.70, 1), measured(1e12, 2e5, 1.74, 2), measured(1e12, 2e5, 1.72, 3),
      measured(1e12, 5e4, 1.50, 1), measured(1e12, 5e4, 1.52, 2), measured(1e12, 5e4, 1.54, 3),
      measured(1e11, 2e5, 2.00, 1), measured(1e11, 2e5, 2.02, 2), measured(1e11, 5e4, 2.01, 1),
      measured(1e11, 5e4, 2.05, 2)};
  const SizeComparison result = compare_sizes(runs, "s");
  ASSERT_EQ(result.budgets.size(), 2u);
  const BudgetDuel& small = result.budgets[0];
  EXPECT_EQ(small.budget, 1e11);
  EXPECT_EQ(small.sizes[small.best].params, 2e5);
  const BudgetDuel& large = result.budgets[1];
  EXPECT_EQ(large.sizes[large.best].params, 5e4);
  EXPECT_EQ(large.sizes[0].seeds, 3);
  EXPECT_NEAR(*large.sizes[0].deviation, 0.02, 1e-12);
  const SizeDuel& duel = large.others[0];
  EXPECT_NEAR(duel.difference, 0.20, 1e-12);
  EXPECT_NEAR(*duel.standard_error, std::sqrt(2 * 0.0004 / 3), 1e-12);
  EXPECT_NEAR(*duel.errors, 0.20 / std::sqrt(2 * 0.0004 / 3), 1e-9);
  EXPECT_DOUBLE_EQ(duel.inference_ratio, 4);
  EXPECT_EQ(*large.sizes[0].flops_exact, 1.5e12);
  EXPECT_TRUE(result.warnings.empty());
}

TEST(CompareSizes, OneSeedSaysNothingOfNoise) {
  const SizeComparison result =
      compare_sizes(std::vector{measured(1e12, 2e5, 1.7, 1), measured(1e12, 5e4, 1.5, 1)}, "s");
  EXPECT_FALSE(result.budgets[0].others[0].standard_error);
  EXPECT_EQ(result.warnings[0].code, "one_seed");
}

TEST(CompareSizes, SeedsThatDoNotDifferGiveNoErrors) {
  const SizeComparison result =
      compare_sizes(std::vector{measured(1e12, 2e5, 1.7, 1), measured(1e12, 2e5, 1.7, 2),
                                measured(1e12, 5e4, 1.5, 1), measured(1e12, 5e4, 1.5, 2)},
                    "s");
  EXPECT_EQ(*result.budgets[0].others[0].standard_error, 0);
  EXPECT_FALSE(result.budgets[0].others[0].errors);
}

TEST(CompareSizes, RefusesWhatHasNothingToCompare) {
  Observation loose = measured(1e12, 2e5, 1.7, 1);
  loose.budget.reset();
  for (const auto& [runs, code] : std::vector<std::pair<std::vector<Observation>, std::string>>{
           {{loose}, "no_budgets"}, {{measured(1e12, 2e5, 1.7, 1)}, "one_size"}}) {
    try {
      compare_sizes(runs, "s");
      ADD_FAILURE() << code;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(error.exit_code(), 3);
    }
  }
}

}  // namespace
}  // namespace isoflop
