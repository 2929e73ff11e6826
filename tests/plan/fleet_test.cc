#include "plan/fleet.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "plan/size_cap.h"
#include "plan/training_advice.h"
#include "plan/unique_text.h"

namespace isoflop {
namespace {

Fleet eight_for_a_day() {
  Fleet fleet = parse_fleet("8xH100*24h");
  fleet.mfu = 0.5;
  fleet.price = 2;
  fleet.watts = 500;
  return fleet;
}

TEST(Fleet, IsReadAsPeopleWriteIt) {
  const Fleet fleet = parse_fleet("8xH100*24h");
  EXPECT_EQ(fleet.device.name, "H100");
  EXPECT_EQ(fleet.count, 8);
  EXPECT_EQ(*fleet.seconds, 86400);
  EXPECT_EQ(parse_fleet("a100").count, 1);
  EXPECT_FALSE(parse_fleet("1kxA100").seconds);
  EXPECT_EQ(parse_fleet("1024xB200*30d").count, 1024);
  EXPECT_EQ(parse_fleet("2xRTX 4090*90min").device.name, "RTX 4090");
  EXPECT_EQ(*parse_fleet("2xRTX 4090*90min").seconds, 5400);
}

TEST(Fleet, NonsenseNamesTheFlagAndTheWayOut) {
  for (const char* text : {"", "8x", "0xH100", "1.5xH100", "8xAbacus", "8xH100*24", "8xH100*-1h"}) {
    try {
      parse_fleet(text);
      ADD_FAILURE() << text << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_NE(std::string(error.what()).find("--gpus"), std::string::npos) << text;
    }
  }
}

// By hand: 8 x 989e12 x 0.5 x 86,400 s = 3.4180e20 FLOP; 192 device hours; $384; 96 kWh.
TEST(Fleet, BudgetAndBillByHand) {
  const Fleet fleet = eight_for_a_day();
  EXPECT_NEAR(flops_of_time(fleet) / 3.417984e20, 1, 1e-12);
  EXPECT_NEAR(flops_of_money(fleet, 384) / flops_of_time(fleet), 1, 1e-12);
  const DeviceCost cost = cost_of(fleet, flops_of_time(fleet));
  EXPECT_NEAR(cost.seconds, 86400, 1e-6);
  EXPECT_NEAR(cost.device_hours, 192, 1e-9);
  EXPECT_NEAR(*cost.money, 384, 1e-9);
  EXPECT_NEAR(*cost.energy_kwh, 96, 1e-9);
  EXPECT_EQ(cost.price_source, "as given");
}

TEST(Fleet, PrecisionChangesThePeak) {
  Fleet fleet = parse_fleet("H100*1h");
  const double bf16 = flops_of_time(fleet);
  fleet.precision = "fp8";
  EXPECT_NEAR(flops_of_time(fleet) / bf16, 1979.0 / 989, 1e-12);
  Fleet old = parse_fleet("A100*1h");
  old.precision = "fp8";
  EXPECT_THROW(flops_of_time(old), Error);
}

TEST(Fleet, WhatIsNotKnownIsAbsentFromTheBillAndAskedForAsABudget) {
  const Fleet fleet = parse_fleet("4xT4");
  EXPECT_FALSE(cost_of(fleet, 1e18).money);
  EXPECT_TRUE(cost_of(fleet, 1e18).energy_kwh);
  EXPECT_THROW(flops_of_money(fleet, 100), Error);
  EXPECT_THROW(flops_of_time(fleet), Error);
}

TEST(Fleet, AnMfuThatIsNoShareIsAnError) {
  for (const double mfu : {0.0, -0.1, 40.0}) {
    Fleet fleet = parse_fleet("H100*1h");
    fleet.mfu = mfu;
    EXPECT_THROW(flops_of_time(fleet), Error) << mfu;
  }
}

TEST(Devices, EveryPriceHasASourceAndEveryDeviceWattsMemoryAndBandwidth) {
  for (const Device& device : devices()) {
    EXPECT_EQ(device.price > 0, !device.price_source.empty()) << device.name;
    EXPECT_GT(device.watts, 0) << device.name;
    EXPECT_GT(device.memory, 0) << device.name;
    EXPECT_GT(device.bandwidth, 0) << device.name;
    EXPECT_TRUE(device.float8 == 0 || device.float8 > device.bfloat16) << device.name;
  }
}

// 80 GB of bf16 weights are 40B parameters; of 8 experts, 1 + 2/3 * 7 = 17/3 times fewer active.
TEST(SizeCap, MemoryByHand) {
  EXPECT_NEAR(cap_of_memory(80e9, "bf16", {}).params, 40e9, 1);
  EXPECT_NEAR(cap_of_memory(80e9, "fp8", {}).params, 80e9, 1);
  EXPECT_NEAR(cap_of_memory(80e9, "bf16", {.experts = 8}).params, 40e9 * 3 / 17, 1);
  EXPECT_THROW(cap_of_memory(-1, "bf16", {}), Error);
}

// An H100 reads 3.35e12 bytes a second: in 20 ms 67 GB, 33.5B weights of 2 bytes.
TEST(SizeCap, LatencyByHand) {
  const SizeCap cap = cap_of_latency(0.020, *find_device("H100"), 1, "bf16");
  EXPECT_NEAR(cap.params, 33.5e9, 1);
  EXPECT_EQ(cap.reason, "latency");
}

TEST(SizeCap, TheTighterOneHolds) {
  std::optional<SizeCap> cap;
  tighten(cap, cap_of_params(7e9));
  tighten(cap, cap_of_memory(80e9, "bf16", {}));
  EXPECT_EQ(cap->reason, "max_params");
  tighten(cap, cap_of_memory(8e9, "bf16", {}));
  EXPECT_EQ(cap->reason, "memory");
}

// 70B parameters: 140 GB served in bf16, 1.12 TB in training, 14 devices of 80 GB.
TEST(MemoryNeed, ByHand) {
  const MemoryNeed need = memory_need(70e9, "bf16", 80e9);
  EXPECT_EQ(need.weights, 140e9);
  EXPECT_EQ(need.training_state, 1.12e12);
  EXPECT_EQ(*need.devices, 14);
  EXPECT_FALSE(memory_need(70e9, "bf16", std::nullopt).devices);
}

TEST(UniqueText, NamesAndNumbers) {
  EXPECT_EQ(parse_unique_tokens("counted"), 3.2e12);
  EXPECT_EQ(parse_unique_tokens("quality-low"), 4.6e12);
  EXPECT_EQ(parse_unique_tokens("quality"), 17.2e12);
  EXPECT_EQ(parse_unique_tokens("crawl"), 130e12);
  EXPECT_EQ(parse_unique_tokens("3.2T"), 3.2e12);
  EXPECT_THROW(parse_unique_tokens("everything"), Error);
}

// DeepSeek LLM 7B and 67B as trained on 2T tokens: peak rates 4.2e-4 and 3.2e-4, batches of 2,304
// and 4,608 sequences of 4,096 (arXiv:2401.02954, table 2); C = (72 L d^2 + 12 L d s) D. The
// models' settings were rounded from the law: 3 % in rate, 10 % in batch.
TEST(TrainingAdvice, DeepSeeksOwnModels) {
  const auto deepseek = [](double layers, double width) {
    const double per_token = 72 * layers * width * width + 12 * layers * width * 4096;
    return training_advice(per_token * 2e12, 7e9, 2e12, 2).laws[1];
  };
  EXPECT_NEAR(*deepseek(30, 4096).rate / 4.2e-4, 1, 0.03);
  EXPECT_NEAR(*deepseek(30, 4096).batch_tokens / (2304 * 4096), 1, 0.1);
  EXPECT_NEAR(*deepseek(95, 8192).rate / 3.2e-4, 1, 0.03);
  EXPECT_NEAR(*deepseek(95, 8192).batch_tokens / (4608 * 4096), 1, 0.1);
  EXPECT_FALSE(deepseek(95, 8192).inside);
}

TEST(TrainingAdvice, KnowsEachLawsRange) {
  const TrainingAdvice inside = training_advice(6e8 * 4e10 * 6, 6e8, 4e10, 2.6);
  EXPECT_TRUE(inside.laws[0].inside);   // Step Law: 600M on 40B
  EXPECT_FALSE(inside.laws[1].inside);  // DeepSeek: 1.44e20
  EXPECT_FALSE(inside.laws[2].inside);  // Porian: to 108M
  EXPECT_NEAR(*inside.laws[0].steps, std::ceil(4e10 / *inside.laws[0].batch_tokens), 0);
  EXPECT_TRUE(training_advice(6e16 * 2, 5e7, 1e9, 3).laws[2].inside);
  // Kaplan et al. 2020, eq. 5.3, at 2 nats: 2e8 / 2^4.762 = 7.37M tokens.
  EXPECT_NEAR(training_advice(1e20, 1e9, 1e10, 2).critical_batch_tokens, 7.37e6, 0.01e6);
}

}  // namespace
}  // namespace isoflop
