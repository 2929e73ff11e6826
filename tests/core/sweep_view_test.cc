// Time left and costs of a sweep, from what was measured so far.
#include "core/sweep_view.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

SweepView view_with(std::vector<SizePace> sizes, int running) {
  SweepView view;
  view.sizes = std::move(sizes);
  view.running.resize(static_cast<std::size_t>(running));
  return view;
}

TEST(SweepViewTest, EachSizeIsLeftAtItsOwnSpeed) {
  // 1e12 FLOP at 1e9 a second and 6e12 at 3e9: 1000 + 2000 seconds, over two workers.
  const auto left =
      time_left(view_with({{.params = 1e6, .flops_left = 1e12, .flops = 1e11, .seconds = 100},
                           {.params = 1e7, .flops_left = 6e12, .flops = 3e11, .seconds = 100}},
                          2));
  ASSERT_TRUE(left);
  EXPECT_DOUBLE_EQ(left->worker_seconds, 3000);
  EXPECT_EQ(left->workers, 2);
  EXPECT_DOUBLE_EQ(*left->seconds, 1500);
}

TEST(SweepViewTest, ASizeWithoutAttemptsGoesAsFastAsTheNearestOne) {
  const auto left =
      time_left(view_with({{.params = 1e6, .flops_left = 0, .flops = 1e11, .seconds = 100},
                           {.params = 1e8, .flops_left = 0, .flops = 4e11, .seconds = 100},
                           {.params = 2e7, .flops_left = 8e12}},
                          1));
  ASSERT_TRUE(left);
  EXPECT_DOUBLE_EQ(*left->seconds, 2000) << "2e7 is nearer to 1e8 than to 1e6 by ratio";
}

TEST(SweepViewTest, BeforeTheFirstEndTheRunningOnesTellTheSpeed) {
  SweepView view = view_with({{.params = 1e6, .flops_left = 9e11}}, 1);
  view.running[0] = {.params = 1e6,
                     .tokens = 1000,
                     .tokens_done = 100,
                     .flops = 1e12,
                     .started = 50,
                     .heartbeat = 150};
  const auto left = time_left(view);
  ASSERT_TRUE(left);
  EXPECT_DOUBLE_EQ(*left->seconds, 900);
}

TEST(SweepViewTest, NobodyRunningMeansWorkLeftButNoMoment) {
  SweepView view = view_with({{.params = 1e6, .flops_left = 1e12, .flops = 1e9, .seconds = 1}}, 1);
  view.running[0].gone = true;
  const auto left = time_left(view);
  ASSERT_TRUE(left);
  EXPECT_DOUBLE_EQ(left->worker_seconds, 1000);
  EXPECT_FALSE(left->seconds);
  EXPECT_FALSE(time_left(view_with({{.params = 1, .flops_left = 1}}, 1))) << "nothing measured";
  EXPECT_FALSE(time_left(view_with({{.params = 1, .flops = 1, .seconds = 1}}, 1)))
      << "nothing left";
}

SweepView used(std::vector<DeviceUse> devices) {
  SweepView view;
  view.devices = std::move(devices);
  return view;
}

TEST(SweepViewTest, CoresCostWhatIsGivenAndNothingIsGuessed) {
  const SweepView view = used({{.device = "cpu", .seconds = 7200}});
  const SweepBill unknown = bill_of(view, {});
  EXPECT_DOUBLE_EQ(unknown.core_hours, 2);
  EXPECT_FALSE(unknown.energy);
  EXPECT_FALSE(unknown.money);
  const SweepBill bill = bill_of(view, {.watts = 15, .price = 0.05});
  EXPECT_DOUBLE_EQ(*bill.energy, 0.03);
  EXPECT_DOUBLE_EQ(*bill.money, 0.1);
  EXPECT_EQ(bill.basis, "15.0 W and $0.05 an hour");
}

// 3,600 s were measured at 500 W; the killed attempt's 1,800 s are taken to have drawn as much.
TEST(SweepViewTest, MeasuredEnergyGoesBeforeStatedWatts) {
  const SweepView view =
      used({{.device = "cuda", .seconds = 5400, .energy = 3600 * 500.0, .metered = 3600}});
  EXPECT_DOUBLE_EQ(*bill_of(view, {}).energy, 0.75);
  EXPECT_EQ(bill_of(view, {}).basis, "500 W measured");
  const SweepBill bill = bill_of(view, {.watts = 700, .price = 2});
  EXPECT_DOUBLE_EQ(*bill.energy, 0.75);
  EXPECT_DOUBLE_EQ(*bill.money, 3);
  EXPECT_EQ(bill.basis, "500 W measured and $2.00 an hour");
}

TEST(SweepViewTest, AnAcceleratorsWattsAndPriceComeFromTheTable) {
  const SweepView view =
      used({{.device = "cuda:0", .seconds = 3600}, {.device = "cuda:1", .seconds = 3600}});
  EXPECT_FALSE(bill_of(view, {}).money);
  const SweepBill bill = bill_of(view, {.gpu = "h100"});
  EXPECT_DOUBLE_EQ(bill.gpu_hours, 2);
  EXPECT_DOUBLE_EQ(*bill.energy, 1.4);
  EXPECT_DOUBLE_EQ(*bill.money, 5.38);
  EXPECT_NE(bill.basis.find("RunPod"), std::string::npos) << bill.basis;
  EXPECT_DOUBLE_EQ(*bill_of(view, {.price = 1, .gpu = "h100"}).money, 2);
  EXPECT_THROW(bill_of(view, {.gpu = "abacus"}), Error);
}

TEST(SweepViewTest, ACostIsAbsentWhereAPartOfItIsNotKnown) {
  const SweepView view = used(
      {{.device = "cpu", .seconds = 3600}, {.device = "NVIDIA H100 80GB HBM3", .seconds = 3600}});
  EXPECT_FALSE(bill_of(view, {}).money);
  EXPECT_DOUBLE_EQ(*bill_of(view, {.price = 1}).money, 2);
  EXPECT_FALSE(bill_of(used({}), {.price = 1}).money);
}

}  // namespace
}  // namespace isoflop
