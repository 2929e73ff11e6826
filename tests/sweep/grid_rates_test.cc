#include "sweep/grid_rates.h"

#include <algorithm>
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

// 121k tokens in batches of 16 are 59 steps: none of batches of 64.
TEST(GridRates, ABracketOfBatchesHasTheTokensOfItsCell) {
  GridSpec spec{.name = "s", .kind = GridKind::kTokens, .sizes = {{1e5}}, .tokens = {121e3, 1e6}};
  spec.fixed = {{"train.batch", "16"}};
  spec.axes = {{"seed", {"1", "2"}}};
  spec.batch_bracket = 4;
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 6u);
  for (const int i : {0, 1, 4, 5}) {
    EXPECT_EQ(grid.trials[i].trial.train.tokens, 128 * 64 * 15) << i;  // 122,880
  }
  EXPECT_EQ(grid.trials[4].trial.train.batch, 4);
  EXPECT_EQ(grid.trials[5].trial.train.batch, 64);
  spec.batch_bracket = 1e30;
  EXPECT_THROW(expand(spec, {}), Error);
}

TEST(GridRates, ALawBeyondWhatItWasMeasuredAtIsSaidOnce) {
  GridSpec spec{
      .name = "s", .kind = GridKind::kTokens, .sizes = {{1e4, 1e5}}, .tokens = {2e6, 4e6}};
  spec.rates = published_hyper_law("porian");
  const Grid grid = expand(spec, {});
  const auto said = [](const Grid& made) {
    return std::count_if(made.notes.begin(), made.notes.end(), [](const std::string& note) {
      return note.find("beyond what porian was measured at") != std::string::npos;
    });
  };
  EXPECT_EQ(said(grid), 1);
  EXPECT_NE(grid.notes.back().find("4 of 4 trials"), std::string::npos) << grid.notes.back();
  // Not where the grid names both itself, nor inside of its range.
  spec.fixed = {{"train.batch", "4"}, {"train.rate", "0.01"}};
  EXPECT_EQ(said(expand(spec, {})), 0);
  spec.fixed = {};
  spec.sizes = {{2e7}};
  spec.tokens = {4e8};
  EXPECT_EQ(said(expand(spec, {})), 0);
}

TEST(GridRates, ARateThatIsNoNumberAndABatchBeyondAllTokensAreRefused) {
  GridSpec spec{.name = "s", .kind = GridKind::kTokens, .sizes = {{1e5}}, .tokens = {2e6}};
  HyperLaw law{.name = "own"};
  law.rate = HyperTerm{.power = {.coefficient = 1e300, .params = 3}};
  spec.rates = law;
  EXPECT_THROW(expand(spec, {}), Error);
  law.rate = std::nullopt;
  for (const double batch : {4e6, 1e300}) {
    law.batch = HyperTerm{.power = {.coefficient = batch}};
    spec.rates = law;
    spec.fixed = {};
    EXPECT_THROW(expand(spec, {}), Error) << batch;
    spec.fixed = {{"train.batch", "4"}};
    EXPECT_EQ(expand(spec, {}).trials.at(0).trial.train.batch, 4);
  }
}

}  // namespace
}  // namespace isoflop
