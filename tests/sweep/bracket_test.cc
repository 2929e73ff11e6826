#include "sweep/bracket.h"

#include <algorithm>
#include <cmath>
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

TEST(BracketTest, BatchesAreTriedBesideTheRatesAtTheCellsOwnRateAndTokens) {
  PlannedTrial cell = decoder_at(16, 128 * 104);
  cell.trial.train.batch = 4;
  const std::vector<PlannedTrial> grid{cell};
  const auto trials = bracket_trials(grid, 2, 2);
  ASSERT_EQ(trials.size(), 4u);
  const Trial &half = trials[2].trial, &twice = trials[3].trial;
  EXPECT_EQ(half.train.batch, 2);
  EXPECT_EQ(twice.train.batch, 8);
  EXPECT_EQ(half.train.rate, 0.01);
  EXPECT_EQ(half.train.tokens, 128 * 104);
  EXPECT_EQ(twice.train.tokens, 128 * 104);
  EXPECT_EQ(trials[2].role, TrialRole::kBracket);
  EXPECT_EQ(bracket_trials(grid, 0, 2).size(), 2u);
  EXPECT_THROW(bracket_trials(grid, 2, 0.5), Error);
  cell.trial.train.tokens = 128 * 100;  // no whole batches of 8
  EXPECT_THROW(bracket_trials(std::vector{cell}, 0, 2), Error);
}

// By trying all numbers up to it: nothing smaller is whole batches of each.
TEST(BracketTest, WhatAllBatchesDivideIsTheLeastSuch) {
  for (const std::int64_t batch : {1, 2, 3, 5, 8, 13, 16, 60, 143}) {
    for (const double factor : {1.5, 2.0, 4.0}) {
      const BatchBracket bracket = batches_beside(batch, factor, 1e6);
      const auto divides_all = [&](std::int64_t many) {
        bool all = many % batch == 0;
        for (const std::int64_t other : bracket.beside) all = all && many % other == 0;
        return all;
      };
      std::int64_t least = 1;
      while (!divides_all(least)) ++least;
      EXPECT_EQ(bracket.common, least) << batch << " x " << factor;
      for (const std::int64_t other : bracket.beside) {
        EXPECT_NE(other, batch);
        // As near as 20 %, or as whole numbers get.
        const double target = static_cast<double>(batch) * (other < batch ? 1 / factor : factor);
        EXPECT_LE(std::abs(static_cast<double>(other) - target), std::max(0.5, 0.2 * target));
      }
    }
  }
  EXPECT_EQ(batches_beside(60, 2, 1e6).beside.front(), 30);
}

TEST(BracketTest, BatchesBeyondAllTokensAreRefused) {
  for (const double factor : {1e3, 1e30, 1e308}) {
    EXPECT_THROW(batches_beside(16, factor, 1000), Error) << factor;
  }
  EXPECT_THROW(batches_beside(127, 2, 1000), Error) << "64, 127 and 254 divide 8128";
  EXPECT_THROW(batches_beside(std::int64_t{1} << 62, 2, 1e300), Error);
  EXPECT_THROW(batches_beside(0, 2, 1000), Error);
}

TEST(BracketTest, ARateBeyondAllNumbersIsRefused) {
  EXPECT_THROW(bracket_trials(std::vector{decoder_at(16, 1e6)}, 1e308 * 10), Error);
  PlannedTrial cell = decoder_at(16, 1e6);
  cell.trial.train.rate = 1e10;
  EXPECT_THROW(bracket_trials(std::vector{cell}, 1e300), Error);
}

TEST(BracketTest, ABatchOfOneCannotBeHalved) {
  PlannedTrial cell = decoder_at(16, 128 * 1000);
  cell.trial.train.batch = 1;
  const std::vector<PlannedTrial> grid{cell};
  const auto trials = bracket_trials(grid, 0, 2);
  ASSERT_EQ(trials.size(), 1u);
  EXPECT_EQ(trials[0].trial.train.batch, 2);
}

}  // namespace
}  // namespace isoflop
