#include "report/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Plan gopher_plan() {
  Plan plan{.flops = 5.76e23, .convention = "6nd", .law = "epoch2024"};
  plan.params = {.value = 72.2e9};
  plan.tokens = {.value = 1.33e12};
  plan.loss = {.value = 1.973};
  plan.near_optimal = {.extra_compute = 0.05, .params_low = 50e9, .params_high = 106e9};
  plan.spending = Spending{.training = 5.76e23, .total = 5.76e23};
  return plan;
}

TEST(PlanText, APlainPlanHasNoSectionsThatNobodyAskedFor) {
  const std::string text = plan_text(gopher_plan());
  EXPECT_THAT(text, StartsWith("N* 72.2B  D* 1.33T  18.4 tokens/param  loss 1.973; 5 % more "
                               "compute buys any N in 50.0B to 106B\nfor 5.76e23 FLOP, counted as "
                               "6nd; law: epoch2024\n"));
  for (const char* word : {"inference", "passes", "memory", "training:", "peak rate", "assumes"}) {
    EXPECT_THAT(text, Not(HasSubstr(word))) << word;
  }
}

TEST(PlanText, AGivenSizeSaysWhatItCosts) {
  Plan plan = gopher_plan();
  plan.binding = "params";
  plan.params.value = 7e9;
  plan.against_optimum = AgainstOptimum{.params = 72.2e9,
                                        .tokens = 1.33e12,
                                        .loss = 1.973,
                                        .loss_difference = 0.0804,
                                        .extra_compute = 2.5};
  const std::string text = plan_text(plan);
  EXPECT_THAT(text, StartsWith("N (given) 7.00B  D 1.33T"));
  EXPECT_THAT(text, Not(HasSubstr("buys any N")));
  EXPECT_THAT(text, HasSubstr("the given N costs 0.0804 nats; it spends 250.0 % more than the best "
                              "model of its loss; a free choice would be N* 72.2B, D* 1.33T, loss "
                              "1.973\n"));
  plan.loss_unit = "bits_per_byte";
  EXPECT_THAT(plan_text(plan), HasSubstr("the given N costs 0.0804 bits per byte; it spends"));
  EXPECT_THAT(plan_text(plan), HasSubstr("loss 1.973 bits per byte\n"));
}

TEST(PlanText, TheSentenceSaysItAllWithoutSymbols) {
  Plan plan = gopher_plan();
  plan.loss = {.value = 1.973, .low = 1.95, .high = 1.99};
  plan.extrapolation = 44;
  EXPECT_THAT(plan_sentence(plan),
              StartsWith("With 5.76e23 FLOP, train a model of 72.2B parameters on 1.33T tokens, "
                         "18.4 for each parameter, and expect a loss of 1.973 nats per token "
                         "(1.950 to 1.990). Any size from 50.0B to 106B wastes at most 5 %"));
  EXPECT_THAT(plan_sentence(plan), HasSubstr("44x the compute of the largest run"));
  EXPECT_THAT(plan_sentence(plan), HasSubstr("in brackets: 90 % intervals; FLOP counted as 6nd."));
  plan.loss_unit = "bits_per_byte";
  EXPECT_THAT(plan_sentence(plan), HasSubstr("1.973 bits per byte (1.950 to 1.990)"));
}

TEST(PlanText, AnOpenIntervalSaysSo) {
  Plan plan = gopher_plan();
  plan.needed_flops = Interval{.value = 1e23, .low = 4e22, .high = std::nullopt};
  EXPECT_THAT(plan_text(plan), HasSubstr("which needs 1e23 [4e22, no end] FLOP"));
}

TEST(PlanText, CostSaysTimeEnergyAndMoney) {
  Plan plan = gopher_plan();
  plan.cost = DeviceCost{.device = "H100",
                         .count = 8,
                         .seconds = 86400,
                         .device_hours = 192,
                         .energy_kwh = 96,
                         .money = 384};
  plan.assumptions = {"$2.00 a device hour (as given)"};
  const std::string text = plan_text(plan);
  EXPECT_THAT(text,
              HasSubstr("training: 1.0 days on 8 x H100, 192 device hours, 96.0 kWh, $384\n"));
  EXPECT_THAT(text, HasSubstr("assumes $2.00 a device hour (as given)\n"));
}

TEST(PlanText, MemoryAndDataAndSpendingAreALineEach) {
  Plan plan = gopher_plan();
  plan.memory =
      MemoryNeed{.weights = 140e9, .training_state = 1.12e12, .per_device = 80e9, .devices = 14};
  plan.unique_tokens = 1e11;
  plan.epochs = 13.3;
  plan.inference_tokens = 1e12;
  plan.spending->inference = 1.4e23;
  const std::string text = plan_text(plan);
  EXPECT_THAT(text, HasSubstr("memory: weights 140 GB, in training 1.12 TB: at least 14 devices of "
                              "80.0 GB\n"));
  EXPECT_THAT(text, HasSubstr("data: 13.3 passes over 100B unique tokens\n"));
  EXPECT_THAT(text, HasSubstr("FLOP: 5.76e23 training, 1.4e23 inference\n"));
}

TEST(PlanText, RatesAreShownOnlyWhenAskedForWithTheirRange) {
  Plan plan = gopher_plan();
  plan.training = TrainingAdvice{.laws = {{.law = "steplaw",
                                           .citation = "Li et al.",
                                           .rate = 3.4e-4,
                                           .batch_tokens = 5e6,
                                           .steps = 266000,
                                           .inside = false}},
                                 .critical_batch_tokens = 7.4e6};
  EXPECT_THAT(plan_text(plan), Not(HasSubstr("steplaw")));
  const std::string text = plan_text(plan, {.rates = true});
  EXPECT_THAT(text, HasSubstr("0.000340"));
  EXPECT_THAT(text, HasSubstr("outside"));
  EXPECT_THAT(text, HasSubstr("7.40M tokens save little time"));
}

TEST(PlanText, TheIsoLossTableSaysWhoNeverGetsThere) {
  Plan plan = gopher_plan();
  plan.iso_loss = {{.params = 1e9},
                   {.params = 72.2e9, .tokens = 1.33e12, .flops = 5.76e23, .extra_compute = 0.0}};
  const TextTable table = iso_loss_table(plan, false);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"1.00B", "-", "-", "-"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"72.2B", "1.33T", "5.76e23", "0.0 %"}));
  const TextTable exact = iso_loss_table(plan, true);
  EXPECT_EQ(exact.rows[0], (std::vector<std::string>{"1e+09", "", "", ""}));
}

TEST(PlanText, TheFolkClaimSaysWhereItHolds) {
  const SizeTrade trade{.small = 1e8,
                        .large = 1e9,
                        .ratio_at_small = 5e9,
                        .ratio_at_large = 5e8,
                        .ratio_at_loss = 3.5,
                        .beyond_small_one = 2e9};
  const std::string text = size_trade_text(trade, "epoch2024");
  EXPECT_THAT(text, HasSubstr("10 times fewer tokens at one place only, 500M against 5.00B (loss "
                              "3.500)"));
  EXPECT_THAT(text, HasSubstr("what the larger reaches with 2.00B tokens or more, the smaller "
                              "never does"));
}

}  // namespace
}  // namespace isoflop
