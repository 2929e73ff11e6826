#include "sweep/grid_rates.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rate_rule.h"
#include "core/shape_rule.h"
#include "sweep/grid.h"

namespace isoflop {
namespace {

Trial trial_of_size(double params, const char* schedule = "cosine") {
  Trial trial;
  trial.model = shape_for_params(params, {});
  trial.train.schedule = schedule;
  return trial;
}

TEST(GridRates, WithoutALawTheyAreTheRules) {
  const Trial trial = trial_of_size(1e5);
  const RateAndBatch rule = rate_rule(params_of(trial), 2e6, 128);
  EXPECT_EQ(grid_rates(std::nullopt, trial, 2e6).rate, rule.rate);
  EXPECT_EQ(grid_rates(std::nullopt, trial, 2e6).batch, rule.batch);
}

// By hand, with the law's own count of parameters.
TEST(GridRates, ALawsRateAndBatchInWholeSequences) {
  const Trial trial = trial_of_size(1e6);
  const RateAndBatch got = grid_rates(published_hyper_law("steplaw"), trial, 2e7);
  const auto n = static_cast<double>(count_params(trial.model).non_embedding());
  EXPECT_DOUBLE_EQ(got.rate, 1.79 * std::pow(n, -0.713) * std::pow(2e7, 0.307));
  EXPECT_EQ(got.batch, std::llround(0.58 * std::pow(2e7, 0.571) / 128));
}

TEST(GridRates, WhatTheLawDoesNotSayIsTheRules) {
  HyperLaw law{.name = "own"};
  law.rate = HyperTerm{.power = {.coefficient = 1, .params = -0.5}};
  const Trial trial = trial_of_size(1e5);
  const RateAndBatch got = grid_rates(law, trial, 2e6);
  EXPECT_DOUBLE_EQ(got.rate, 1 / std::sqrt(params_of(trial)));
  EXPECT_EQ(got.batch, rate_rule(params_of(trial), 2e6, 128).batch);
}

// Trunks are shared by all D.
TEST(GridRates, UnderCooldownNothingDependsOnTheTokens) {
  const Trial trial = trial_of_size(1e6, "cooldown");
  const HyperLaw& law = published_hyper_law("steplaw");
  EXPECT_EQ(grid_rates(law, trial, 1e7).rate, grid_rates(law, trial, 1e8).rate);
  EXPECT_EQ(grid_rates(law, trial, 1e7).batch, grid_rates(law, trial, 1e8).batch);
}

TEST(GridRates, AGridFollowsItsLawButForWhatItNames) {
  GridSpec spec{.name = "s", .kind = GridKind::kTokens, .sizes = {{1e5}}, .tokens = {2e6}};
  spec.rates = published_hyper_law("porian");
  const Trial free = expand(spec, {}).trials.at(0).trial;
  const RateAndBatch law = grid_rates(spec.rates, free, 2e6);
  EXPECT_EQ(free.train.rate, law.rate);
  EXPECT_EQ(free.train.batch, law.batch);
  EXPECT_EQ(free.train.warmup_tokens, law.warmup_tokens);
  EXPECT_GT(law.warmup_tokens, 0);  // a token a parameter
  spec.fixed = {{"train.rate", "0.004"}};
  EXPECT_EQ(expand(spec, {}).trials.at(0).trial.train.rate, 0.004);
  EXPECT_EQ(expand(spec, {}).trials.at(0).trial.train.batch, law.batch);
}

TEST(GridRates, ABracketOfBatchesStandsBehindTheGrid) {
  GridSpec spec{.name = "s", .kind = GridKind::kTokens, .sizes = {{1e5, 4e5}}, .tokens = {4e6}};
  spec.batch_bracket = 2;
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 6u);
  EXPECT_EQ(grid.trials[2].trial.train.batch * 2, grid.trials[0].trial.train.batch);
  EXPECT_EQ(grid.trials[3].trial.train.batch, 2 * grid.trials[0].trial.train.batch);
  spec.axes = {{"train.batch", {"2", "4"}}};
  EXPECT_THROW(expand(spec, {}), Error);
}

}  // namespace
}  // namespace isoflop
