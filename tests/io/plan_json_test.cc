#include "io/plan_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace isoflop {
namespace {

using nlohmann::json;

Plan bare_plan() {
  Plan plan{.flops = 1e21, .convention = "6nd", .law = "epoch2024"};
  plan.params = {.value = 3e9, .low = 2e9, .high = 4e9};
  plan.tokens = {.value = 5e10};
  plan.loss = {.value = 2.3};
  plan.near_optimal = {.extra_compute = 0.05, .params_low = 2e9, .params_high = 4e9};
  return plan;
}

Plan full_plan() {
  Plan plan = bare_plan();
  plan.budget = {.kind = "money", .text = "$500"};
  plan.needed_flops = Interval{.value = 1e21, .low = 9e20, .high = std::nullopt};
  plan.binding = "memory";
  plan.against_optimum = AgainstOptimum{.params = 4e9, .loss_difference = 0.01};
  plan.price_of_size = {{.factor = 0.5, .params = 1.5e9, .extra_compute = 0.1}};
  plan.total_params = 6e9;
  plan.unique_tokens = 1e10;
  plan.epochs = 5;
  plan.inference_tokens = 1e12;
  plan.spending = Spending{.training = 1, .fine_tuning = 0, .inference = 2, .total = 3};
  plan.training = TrainingAdvice{
      .laws = {{.law = "steplaw", .rate = 1e-3, .batch_tokens = 1e6, .steps = 10, .inside = false}},
      .critical_batch_tokens = 1e6};
  plan.cost = DeviceCost{.device = "H100", .seconds = 86400, .money = 42.0};
  plan.memory = MemoryNeed{.weights = 6e9, .training_state = 48e9};
  plan.iso_loss = {{.params = 1e8}, {.params = 1e9, .tokens = 1e11, .flops = 6e20}};
  plan.size_trade = SizeTrade{.small = 1e8, .large = 1e9, .ratio_at_small = 1e10};
  plan.assumptions = {"one"};
  return plan;
}

// Scripts rely on these: docs/design.md.
TEST(PlanJson, KeepsItsFirstKeysInTheirOrder) {
  const auto parsed = nlohmann::ordered_json::parse(plan_json(bare_plan()));
  std::vector<std::string> keys;
  for (const auto& [key, value] : parsed.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"flops", "convention", "law", "params", "tokens",
                                            "loss", "interval_level", "near_optimal", "warnings"}));
}

TEST(PlanJson, WhatIsNotKnownIsAbsent) {
  const auto parsed = json::parse(plan_json(bare_plan()));
  EXPECT_FALSE(parsed["tokens"].contains("low"));
  for (const char* key : {"budget", "cost", "memory", "iso_loss", "epochs", "inference", "shape",
                          "needed_flops", "against_optimum", "assumptions"}) {
    EXPECT_FALSE(parsed.contains(key)) << key;
  }
  const auto full = json::parse(plan_json(full_plan()));
  EXPECT_FALSE(full["iso_loss"][0].contains("tokens"));
  EXPECT_FALSE(full["needed_flops"].contains("high"));
  EXPECT_FALSE(full["cost"].contains("energy_kwh"));
  EXPECT_FALSE(full.contains("fine_tuning"));
}

TEST(PlanJson, SaysWhatWasAskedFor) {
  const auto full = json::parse(plan_json(full_plan()));
  EXPECT_EQ(full["budget"]["kind"], "money");
  EXPECT_EQ(full["binding"], "memory");
  EXPECT_EQ(full["epochs"], 5);
  EXPECT_EQ(full["inference"]["tokens"], 1e12);
  EXPECT_EQ(full["inference"]["flops"], 2);
  EXPECT_EQ(full["training"]["laws"][0]["inside_range"], false);
  EXPECT_EQ(full["cost"]["days"], 1);
  EXPECT_EQ(full["cost"]["money"], 42);
  EXPECT_EQ(full["iso_loss"][1]["flops"], 6e20);
  EXPECT_EQ(full["size_trade"]["ratio_at_small"], 1e10);
  EXPECT_EQ(full["price_of_size"][0]["extra_compute"], 0.1);
}

TEST(PlanJson, NeverHoldsANumberThatIsNone) {
  Plan plan = full_plan();
  plan.iso_loss[1].flops = INFINITY;
  EXPECT_THROW(plan_json(plan), Error);
  plan = full_plan();
  plan.cost->money = NAN;
  EXPECT_THROW(plan_json(plan), Error);
  plan = full_plan();
  plan.against_optimum->loss = NAN;
  EXPECT_THROW(plan_json(plan), Error);
}

}  // namespace
}  // namespace isoflop
