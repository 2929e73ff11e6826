#include "fit/backtest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

const std::vector<double> kTestBudgets = {1e18, 1e19, 1e20, 1e21};

TEST(Backtest, HidesTheLargestBudgetAndSaysTheSignOfItsErrors) {
  const auto rows = isoflop_grid(kTestBudgets, 7, 0.001, 1);
  const auto found = backtest(rows);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->budget, 1e21);
  EXPECT_EQ(found->hidden, 7);
  EXPECT_EQ(found->fitted, 21);
  ASSERT_EQ(found->rows.size(), 7u);
  EXPECT_EQ(found->rows[0].row, 21);
  EXPECT_EQ(found->level, 0) << "no intervals were asked for";
  EXPECT_FALSE(found->rows[0].predicted.low);
  auto worse = rows;
  for (std::size_t i = 21; i < 28; ++i) worse[i].loss *= 1.1;
  EXPECT_NEAR(backtest(worse)->mean_error, found->mean_error - 0.09, 0.005);
}

TEST(Backtest, HidesWhatItIsTold) {
  const auto rows = isoflop_grid(kTestBudgets, 7, 0.001, 1);
  EXPECT_EQ(backtest(rows, {}, {.budget = 5e19})->hidden, 14);
  EXPECT_EQ(backtest(rows, {}, {.fraction = 0.4})->hidden, 14) << "whole budgets, by equal C";
  const auto refused = [&](const BacktestOptions& hiding) {
    try {
      backtest(rows, {}, hiding);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refused({.fraction = 1.5}), HasSubstr("between 0 and 1"));
  EXPECT_THAT(refused({.budget = 1e25}), HasSubstr("nothing is left to predict"));
  EXPECT_THAT(refused({.budget = 1}), HasSubstr("nothing is left to fit"));
}

TEST(Backtest, IsEmptyWhenTheRestCannotBeFitted) {
  EXPECT_FALSE(backtest(isoflop_grid({1e18, 1e19}, 7, 0.001, 1), {}, {.budget = 5e18}));
}

// Under the right law 90 % intervals of a measured loss hold it nine times in ten.
TEST(Backtest, IntervalsHoldTheHiddenLosses) {
  int inside = 0, hidden = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const auto found = backtest(isoflop_grid(kTestBudgets, 9, 0.003, seed), {.threads = 1},
                                {.draws = 150, .level = 0.9, .seed = seed});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->level, 0.9);
    inside += found->inside;
    hidden += found->hidden;
  }
  EXPECT_GT(inside, 0.78 * hidden) << "108 losses in 12 correlated groups";
  EXPECT_LT(inside, hidden);
}

}  // namespace
}  // namespace isoflop
