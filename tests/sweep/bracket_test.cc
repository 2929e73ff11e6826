#include "sweep/bracket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/shape_rule.h"

namespace isoflop {
namespace {

PlannedTrial decoder_at(std::int64_t width, double tokens, std::int64_t seed = 1) {
  Trial trial;
  trial.model = shape_for_width(width, {});
  trial.train.tokens = tokens;
  trial.train.rate = 0.01;
  trial.seed = seed;
  return {.trial = trial, .budget = 1e9};
}

TEST(BracketTest, TheCheapestCellOfEverySizeIsTriedBelowAndAboveItsRate) {
  const std::vector<PlannedTrial> grid{
      decoder_at(32, 2e6), decoder_at(16, 3e6),    decoder_at(32, 1e6),
      decoder_at(16, 4e6), decoder_at(32, 1e6, 2),
  };
  const auto trials = bracket_trials(grid, 4);
  ASSERT_EQ(trials.size(), 4u);
  const PlannedTrial* from[] = {&grid[1], &grid[1], &grid[2], &grid[2]};
  const double rates[] = {0.0025, 0.04, 0.0025, 0.04};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(trials[i].role, TrialRole::kBracket);
    EXPECT_EQ(trials[i].trial.train.rate, rates[i]);
    EXPECT_EQ(trials[i].budget, from[i]->budget);
    Trial same = trials[i].trial;
    same.train.rate = 0.01;
    EXPECT_EQ(same, from[i]->trial) << "the first seed of the fewest tokens";
  }
}

TEST(BracketTest, AFactorOfOneAndALearnerWithoutARateAreRefused) {
  std::vector<PlannedTrial> grid{decoder_at(16, 1e6)};
  EXPECT_THROW(bracket_trials(grid, 1), Error);
  EXPECT_THROW(bracket_trials(grid, 0.5), Error);
  grid[0].trial.trainer = "tabular";
  EXPECT_THROW(bracket_trials(grid, 2), Error);
}

TEST(BracketTest, BatchesAreTriedBesideTheRatesAtTheCellsOwnRate) {
  PlannedTrial cell = decoder_at(16, 128 * 101);
  cell.trial.train.batch = 4;
  const std::vector<PlannedTrial> grid{cell};
  const auto trials = bracket_trials(grid, 2, 2);
  ASSERT_EQ(trials.size(), 4u);
  const Trial &half = trials[2].trial, &twice = trials[3].trial;
  EXPECT_EQ(half.train.batch, 2);
  EXPECT_EQ(twice.train.batch, 8);
  EXPECT_EQ(half.train.rate, 0.01);
  EXPECT_EQ(half.train.tokens, 128 * 100) << "whole batches of 2";
  EXPECT_EQ(twice.train.tokens, 128 * 96) << "whole batches of 8";
  EXPECT_EQ(trials[2].role, TrialRole::kBracket);
  EXPECT_EQ(bracket_trials(grid, 0, 2).size(), 2u);
  EXPECT_THROW(bracket_trials(grid, 2, 0.5), Error);
}

TEST(BracketTest, ABatchOfOneCannotBeHalved) {
  PlannedTrial cell = decoder_at(16, 1e6);
  cell.trial.train.batch = 1;
  const std::vector<PlannedTrial> grid{cell};
  const auto trials = bracket_trials(grid, 0, 2);
  ASSERT_EQ(trials.size(), 1u);
  EXPECT_EQ(trials[0].trial.train.batch, 2);
}

}  // namespace
}  // namespace isoflop
