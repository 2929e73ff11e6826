// A plan's trial is more of what was fitted, and runs as it was planned.
#include "plan/plan_trial.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "core/flops.h"
#include "core/recipe.h"
#include "core/shape_rule.h"
#include "law/presets.h"
#include "plan/make_plan.h"
#include "sweep/grid.h"

namespace isoflop {
namespace {

Trial sparse_trial(std::int64_t width) {
  Trial trial;
  trial.model.experts = 8;
  trial.model.experts_per_token = 2;
  trial.model.granularity = 2;
  trial.model.router = Router::kTopK;
  trial.model = shape_for_width(width, trial.model);
  trial.train.rate = 0.01 / static_cast<double>(width);
  return trial;
}

// A law whose runs were those trials.
LawFit law_of(const std::vector<Trial>& trials, FlopConvention convention) {
  LawFit fit;
  fit.law = "chinchilla";
  fit.parameters = {.E = 0.8, .A = 90, .B = 200, .alpha = 0.4, .beta = 0.35};
  fit.recipe = recipe_of(trials);
  fit.flops = flops_along_rule(trials.front().model, convention, 1e12);
  return fit;
}

Trial only_trial(const Plan& plan, const GridContext& context) {
  const Grid grid = expand(plan_trial(plan, ""), context);
  EXPECT_EQ(grid.trials.size(), 1u);
  return grid.trials.front().trial;
}

TEST(PlanTrial, OfSparseRunsIsASparseModelThatCostsTheBudget) {
  const std::vector<Trial> trials{sparse_trial(16), sparse_trial(32), sparse_trial(64)};
  for (const FlopConvention convention : {FlopConvention::k6nd, FlopConvention::kExact}) {
    const LawFit fit = law_of(trials, convention);
    EXPECT_EQ(fit.recipe.at("model.experts"), "8");
    EXPECT_FALSE(fit.recipe.contains("train.rate"));
    const Plan plan = make_plan(fit, 1e14);
    EXPECT_EQ(plan.shape.model.experts, 8);
    EXPECT_EQ(plan.shape.params, static_cast<double>(count_params(plan.shape.model).total()));
    EXPECT_NEAR(plan.shape.params / plan.params.value, 1, 0.2);
    const Trial trial = only_trial(plan, {.corpus_hash = "c", .vocab = 256});
    EXPECT_EQ(trial.model, plan.shape.model);
    EXPECT_EQ(trial.model.router, Router::kTopK);
    EXPECT_NEAR(total_flops(trial, convention) / 1e14, 1, 1e-3) << "whole batches";
  }
}

TEST(PlanTrial, WhatIsAskedForComesBeforeTheRecipe) {
  LawFit fit = law_of({sparse_trial(16), sparse_trial(32)}, FlopConvention::k6nd);
  EXPECT_EQ(make_plan(fit, 1e14).shape.model.vocab, 256);
  PlanOptions options;
  options.vocab = 1000;
  options.context = 64;
  const Plan plan = make_plan(fit, 1e14, options);
  EXPECT_EQ(plan.shape.model.vocab, 1000);
  EXPECT_EQ(plan.shape.model.context, 64);
  EXPECT_EQ(plan.shape.model.experts, 8);
  EXPECT_EQ(only_trial(plan, {.corpus_hash = "c", .vocab = 1000}).model, plan.shape.model);
}

TEST(PlanTrial, OfMaskedRunsIsMaskedAsTheyWere) {
  Trial masked;
  masked.model.objective = Objective::kMasked;
  masked.model.mask_fraction = 0.3;
  masked.train.mask_replaced = 0.7;
  masked.train.whole_words = true;
  Trial longer = masked;
  longer.train.tokens = 1e6;
  longer.model = shape_for_width(64, longer.model);
  LawFit fit = law_of({masked, longer}, FlopConvention::kExact);
  fit.loss_unit = kNatsPerMaskedToken;
  const Trial trial = only_trial(make_plan(fit, 1e14), {.corpus_hash = "c", .vocab = 255});
  EXPECT_TRUE(trial.model.masked());
  EXPECT_EQ(trial.model.mask_fraction, 0.3);
  EXPECT_EQ(trial.train.mask_replaced, 0.7);
  EXPECT_TRUE(trial.train.whole_words);
  EXPECT_EQ(trial.model.vocab, 256);
  EXPECT_NEAR(total_flops(trial, FlopConvention::kExact) / 1e14, 1, 1e-3);
}

TEST(PlanTrial, OfLimitedTextRepeatsItAsPlannedAndRuns) {
  for (const double unique : {1e6, 12'345'678.0, 3.3e7}) {
    PlanRequest request{.flops = 1e15};
    request.settings.unique_tokens = unique;
    request.options.base = {.vocab = 256, .context = 128};
    const Plan plan = make_plan(preset_law("epoch2024"), request);
    ASSERT_GT(plan.shape.tokens, unique);
    const Trial trial = only_trial(plan, {.corpus_hash = "c", .unique_tokens = 1e9, .vocab = 256});
    EXPECT_NEAR(trial.data.unique_tokens / unique, 1, 1e-4);
    EXPECT_LE(trial.data.unique_tokens, unique);
    EXPECT_EQ(std::fmod(trial.data.unique_tokens, 128), 0) << "whole windows";
    const double passes = trial.train.tokens / trial.data.unique_tokens;
    EXPECT_LE(passes, trial.data.epochs);
    EXPECT_NEAR(passes / (plan.shape.tokens / unique), 1, 0.01);
  }
}

TEST(Recipe, HoldsWhatAllTrialsShareAndNothingOfOneTrial) {
  Trial one = sparse_trial(16), other = sparse_trial(64);
  other.train.weight_decay = one.train.weight_decay = 0.1;
  other.model.capacity_factor = 1.25;
  other.seed = 7;
  const Recipe recipe = recipe_of(std::vector<Trial>{one, other});
  const Recipe expected{{"model.context", "128"},         {"model.experts", "8"},
                        {"model.experts_per_token", "2"}, {"model.granularity", "2"},
                        {"model.router", "topk"},         {"model.vocab", "256"},
                        {"train.weight_decay", "0.1"}};
  EXPECT_EQ(recipe, expected);
  EXPECT_TRUE(recipe_of({}).empty());
}

}  // namespace
}  // namespace isoflop
