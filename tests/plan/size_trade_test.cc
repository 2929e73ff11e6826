#include "plan/size_trade.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "law/presets.h"
#include "plan/allocation.h"

namespace isoflop {
namespace {

SizeTrade folk(const char* law) { return size_trade(surface_of(preset_law(law)), 1e8, 1e9, 10); }

TEST(SizeTrade, AtTheRatioBothSizesHaveOneLoss) {
  for (const char* law : {"hoffmann2022", "epoch2024", "chinchilla-huber"}) {
    const LossSurface surface = surface_of(preset_law(law));
    const SizeTrade trade = folk(law);
    ASSERT_TRUE(trade.ratio_at_small) << law;
    EXPECT_NEAR(*trade.ratio_at_small / *trade.ratio_at_large, 10, 1e-12);
    EXPECT_NEAR(surface(1e8, *trade.ratio_at_small), surface(1e9, *trade.ratio_at_large), 1e-12);
    EXPECT_NEAR(surface(1e8, *trade.ratio_at_small), *trade.ratio_at_loss, 1e-12);
  }
}

// The ratio grows with D, and is 10 at one D only.
TEST(SizeTrade, TheRatioGrowsWithTheTokens) {
  const LossSurface surface = surface_of(preset_law("epoch2024"));
  const double at_ten = *folk("epoch2024").ratio_at_small;
  double last = 1;
  for (const double d : {1e8, 1e9, 1e10, 1e11}) {
    const double large = *tokens_for_loss(surface, 1e9, surface(1e8, d));
    EXPECT_GT(d / large, last);
    EXPECT_EQ(d / large > 10, d > at_ten) << d;
    last = d / large;
  }
}

// The larger model's tokens from which on the smaller one never gets there.
TEST(SizeTrade, BeyondAnEndTheSmallerNeverGetsThere) {
  for (const char* law : {"hoffmann2022", "epoch2024"}) {
    const LossSurface surface = surface_of(preset_law(law));
    const double end = *folk(law).beyond_small_one;
    EXPECT_FALSE(tokens_for_loss(surface, 1e8, surface(1e9, end * 1.001))) << law;
    EXPECT_TRUE(tokens_for_loss(surface, 1e8, surface(1e9, end / 1.001))) << law;
  }
}

// A decay of repeats so slow that there is none: the same law without its closed form.
TEST(SizeTrade, BisectionFindsTheClosedForm) {
  const LossSurface closed = surface_of(preset_law("epoch2024"));
  const LossSurface searched = surface_of(preset_law("epoch2024"), {.unique_tokens = 1e40});
  const SizeTrade a = size_trade(closed, 1e8, 1e9);
  const SizeTrade b = size_trade(searched, 1e8, 1e9);
  EXPECT_NEAR(*b.ratio_at_small / *a.ratio_at_small, 1, 1e-9);
  EXPECT_NEAR(*b.ratio_at_large / *a.ratio_at_large, 1, 1e-9);
  EXPECT_NEAR(*b.beyond_small_one / *a.beyond_small_one, 1, 1e-6);
}

TEST(SizeTrade, AtALossItGivesBothTokenCounts) {
  const LossSurface surface = surface_of(preset_law("epoch2024"));
  const SizeTrade reached = size_trade(surface, 1e8, 1e9, 10, 3.0);
  EXPECT_NEAR(surface(1e8, *reached.small_tokens), 3, 1e-12);
  EXPECT_NEAR(surface(1e9, *reached.large_tokens), 3, 1e-12);
  const SizeTrade only_large = size_trade(surface, 1e8, 1e9, 10, 2.4);
  EXPECT_FALSE(only_large.small_tokens);
  EXPECT_TRUE(only_large.large_tokens);
}

TEST(SizeTrade, SizesInTheWrongOrderAreAnError) {
  const LossSurface surface = surface_of(preset_law("epoch2024"));
  EXPECT_THROW(size_trade(surface, 1e9, 1e8), Error);
  EXPECT_THROW(size_trade(surface, 1e8, 1e9, 1), Error);
}

}  // namespace
}  // namespace isoflop
