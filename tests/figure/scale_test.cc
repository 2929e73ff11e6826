#include "figure/scale.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "figure/text_size.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;

Axis axis_of(AxisScale scale, TickStyle ticks) { return {.scale = scale, .ticks = ticks}; }

Scale scale_between(const Axis& axis, double low, double high, double pixels = 600) {
  Axis limited = axis;
  limited.low = low;
  limited.high = high;
  Scale scale = scale_of(limited, Extent(limited), false);
  add_ticks(scale, limited, {.pixels = pixels});
  return scale;
}

std::vector<std::string> labels(const Scale& scale) {
  std::vector<std::string> out;
  for (const Tick& tick : scale.ticks) {
    if (!tick.label.empty()) out.push_back(tick.label);
  }
  return out;
}

const Axis kParameters = axis_of(AxisScale::kLog, TickStyle::kQuantity);
const Axis kCompute = axis_of(AxisScale::kLog, TickStyle::kPower);
const Axis kLoss = axis_of(AxisScale::kLinear, TickStyle::kPlain);

TEST(Scale, ParametersHaveOneTwoFiveOverLessThanTwoDecades) {
  EXPECT_THAT(labels(scale_between(kParameters, 5e6, 1.2e8)),
              ElementsAre("5M", "10M", "20M", "50M", "100M"));
}

TEST(Scale, ParametersHavePowersOverMany) {
  EXPECT_THAT(labels(scale_between(kParameters, 1e6, 1e12)),
              ElementsAre("1M", "10M", "100M", "1B", "10B", "100B", "1T"));
}

TEST(Scale, FlopHavePowersWithRaisedExponents) {
  EXPECT_THAT(labels(scale_between(kCompute, 1e18, 3e21)),
              ElementsAre("10¹⁸", "10¹⁹", "10²⁰", "10²¹"));
}

TEST(Scale, FlopWithinADecadeSayTheirFactor) {
  EXPECT_THAT(labels(scale_between(kCompute, 1e18, 5e18, 300)),
              ElementsAre("10¹⁸", "2×10¹⁸", "5×10¹⁸"));
}

TEST(Scale, ALogarithmicAxisOverAFactorReadsLikeALinearOne) {
  EXPECT_THAT(labels(scale_between(axis_of(AxisScale::kLog, TickStyle::kPlain), 2.1, 3.3)),
              ElementsAre("2.2", "2.4", "2.6", "2.8", "3.0", "3.2"));
}

TEST(Scale, PercentsAreAHundredfold) {
  EXPECT_THAT(labels(scale_between(axis_of(AxisScale::kLinear, TickStyle::kPercent), -0.05, 0.1)),
              ElementsAre("−4 %", "−2 %", "0 %", "2 %", "4 %", "6 %", "8 %", "10 %"));
}

TEST(Scale, NumbersHaveTheDecimalsThatTellThemApart) {
  EXPECT_EQ(tick_label(2.5, 0.5, TickStyle::kPlain), "2.5");
  EXPECT_EQ(tick_label(3, 0.5, TickStyle::kPlain), "3.0");
  EXPECT_EQ(tick_label(12000, 2000, TickStyle::kPlain), "12,000");
  EXPECT_EQ(tick_label(50000, 50000, TickStyle::kPlain), "50k");
  EXPECT_EQ(tick_label(1e9, 1e9, TickStyle::kPlain), "1B");
  EXPECT_EQ(tick_label(2e-9, 1e-9, TickStyle::kPlain), "2×10⁻⁹");
  EXPECT_EQ(tick_label(1.00000015, 5e-8, TickStyle::kPlain), "1.00000015");
  EXPECT_EQ(tick_label(1.3e9, 1e8, TickStyle::kQuantity), "1.3B");
  EXPECT_EQ(tick_label(2e4, 1e4, TickStyle::kQuantity), "20k");
  EXPECT_EQ(tick_label(1e19, 1e18, TickStyle::kQuantity), "10¹⁹");
}

// Over many ranges: enough to read by, few enough to tell apart, and nothing like 1e+09.
TEST(Scale, LabelsAreFewAndNeverTouch) {
  for (const Axis& axis : {kParameters, kCompute, kLoss}) {
    for (double ratio = 1.01; ratio < 1e15; ratio *= 1.9) {
      for (const double pixels : {120.0, 250.0, 640.0}) {
        const Scale scale = scale_between(axis, 3.3e5, 3.3e5 * ratio, pixels);
        double end = -1e9;
        int count = 0;
        for (const Tick& tick : scale.ticks) {
          if (tick.label.empty()) continue;
          ++count;
          const double middle = scale.position(tick.at) * pixels;
          const double half = text_width(tick.label, 11) / 2;
          EXPECT_GT(middle - half, end) << tick.label << " ratio " << ratio;
          EXPECT_EQ(tick.label.find("e+"), std::string::npos) << tick.label;
          end = middle + half;
        }
        EXPECT_LE(count, kMostTicks);
        EXPECT_GE(count, 1) << ratio << " over " << pixels;
      }
    }
  }
}

TEST(Scale, ValuesWithoutAPlaceAreNoPartOfTheRange) {
  Extent extent(kParameters);
  for (const double value : {1e6, -1.0, 0.0, std::nan(""), 1e9}) extent.add(value);
  extent.add(INFINITY);
  EXPECT_EQ(extent.low(), 1e6);
  EXPECT_EQ(extent.high(), 1e9);
  const Scale scale = scale_of(kParameters, extent, false);
  EXPECT_LT(scale.low, 1e6);
  EXPECT_GT(scale.high, 1e9);
  EXPECT_FALSE(scale.holds(0));
  EXPECT_FALSE(scale.holds(std::nan("")));
  EXPECT_TRUE(scale.holds(1e7));
}

TEST(Scale, ASingleValueHasRoomAboutIt) {
  for (const double value : {0.0, 3.0, 1e20, -2.0}) {
    Extent extent(kLoss);
    extent.add(value);
    const Scale scale = scale_of(kLoss, extent, false);
    EXPECT_LT(scale.low, value);
    EXPECT_GT(scale.high, value);
  }
}

TEST(Scale, BarsStandOnZero) {
  Extent extent(kLoss);
  extent.add(3);
  extent.add(5);
  EXPECT_EQ(scale_of(kLoss, extent, true).low, 0);
}

TEST(Scale, LimitsThatLeaveNothingStillGiveARange) {
  Extent extent(kLoss);
  extent.add(1);
  extent.add(2);
  Axis axis = kLoss;
  axis.low = 9;
  EXPECT_EQ(scale_of(axis, extent, false).low < scale_of(axis, extent, false).high, true);
  axis.high = 3;
  const Scale swapped = scale_of(axis, extent, false);
  EXPECT_LT(swapped.low, swapped.high);
}

TEST(Scale, NamesStandAtWholeNumbers) {
  Axis axis = kLoss;
  axis.names = {"done", "failed"};
  Scale scale = scale_of(axis, Extent(axis), false);
  add_ticks(scale, axis, {.pixels = 300});
  EXPECT_EQ(scale.low, 0.5);
  EXPECT_EQ(scale.high, 2.5);
  EXPECT_THAT(labels(scale), ElementsAre("done", "failed"));
  EXPECT_EQ(scale.ticks[1].at, 2);
}

}  // namespace
}  // namespace isoflop
