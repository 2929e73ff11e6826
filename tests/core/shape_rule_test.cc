#include "core/shape_rule.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

double total(const ModelConfig& shape) { return static_cast<double>(count_params(shape).total()); }

TEST(ShapeRule, ComesCloseToEveryTargetFromTenThousandToAHundredBillion) {
  const ModelConfig bytes;
  for (double target = 1e4; target < 1e11; target *= 1.37) {
    const ModelConfig shape = shape_for_params(target, bytes);
    // Whole widths and layers: a step of width is at most a quarter of it, a layer more at most
    // half.
    EXPECT_LT(std::abs(std::log(total(shape) / target)), std::log(1.35)) << target;
    EXPECT_EQ(shape.heads * shape.head_size, shape.width);
    EXPECT_EQ(shape.head_size % 2, 0);
    EXPECT_NO_THROW(validate(shape));
  }
}

TEST(ShapeRule, GrowsWithTheTarget) {
  double before = 0;
  for (double target = 3e3; target < 1e11; target *= 1.1) {
    const double now = total(shape_for_params(target, {}));
    EXPECT_GE(now, before);
    before = now;
  }
}

// Chinchilla is 80 layers of 8,192 (Hoffmann et al. 2022, Table 4).
TEST(ShapeRule, MakesChinchillaAtChinchillasSize) {
  ModelConfig base;
  base.vocab = 32000;
  const ModelConfig shape = shape_for_width(8192, base);
  EXPECT_EQ(shape.layers, 80);
  EXPECT_EQ(shape.head_size, 128);
  EXPECT_EQ(shape.hidden, 4 * 8192);
}

TEST(ShapeRule, KeepsTwoLayersAtEverySmallSize) {
  for (std::int64_t width = 8; width <= 128; width += 8) {
    EXPECT_EQ(shape_for_width(width, {}).layers, 2) << width;
  }
}

// Where Table A9 has one depth for a width, or several around it.
TEST(ShapeRule, IsNearTableA9) {
  const std::pair<std::int64_t, double> depths[] = {{512, 8},   {640, 11.5}, {768, 15},
                                                    {1024, 18}, {1280, 20},  {2048, 25},
                                                    {2560, 30}, {3584, 40},  {5120, 47}};
  for (const auto& [width, layers] : depths) {
    EXPECT_NEAR(static_cast<double>(shape_for_width(width, {}).layers) / layers, 1, 0.22) << width;
  }
}

TEST(ShapeRule, KeepsWhatTheCallerChose) {
  ModelConfig base;
  base.vocab = 300;
  base.context = 64;
  base.feed_forward = FeedForward::kSwiglu;
  base.tied_head = false;
  const ModelConfig shape = shape_for_params(1e6, base);
  EXPECT_EQ(shape.vocab, 300);
  EXPECT_EQ(shape.context, 64);
  EXPECT_FALSE(shape.tied_head);
  EXPECT_EQ(shape.hidden % 8, 0);
  // Three matrices of 8/3 d are as large as two of 4 d, up to rounding up to a multiple of 8.
  EXPECT_LT(shape.hidden - 8 * shape.width / 3, 9);
}

TEST(ShapeRule, RefusesWhatItCannotMakeAndSaysTheRange) {
  try {
    shape_for_params(100, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_NE(std::string(error.what()).find("100 parameters"), std::string::npos) << error.what();
  }
}

TEST(ShapeRule, FlopsAlongTheRuleAreThoseOfItsShapes) {
  const ModelConfig base;
  const FlopsPerToken f = flops_along_rule(base, FlopConvention::kExact, 1e8);
  for (const std::int64_t width : {8, 32, 128, 512}) {
    const ModelConfig shape = shape_for_width(width, base);
    const double exact = train_flops_per_token(shape, FlopConvention::kExact);
    EXPECT_NEAR(f(total(shape)) / exact, 1.0, 1e-12);
  }
  EXPECT_TRUE(flops_along_rule(base, FlopConvention::k6nd, 1e8).is_six_n());
}

}  // namespace
}  // namespace isoflop
