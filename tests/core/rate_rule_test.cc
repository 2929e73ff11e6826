#include "core/rate_rule.h"

#include <cmath>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

// The best rate of each measured bracket at the rule's batch, interpolated; brackets whose best lay
// at their edge are left out (docs/decisions/rate_rule.md).
TEST(RateRule, IsWithinAFactorOfTwoOfEveryMeasuredBest) {
  struct Rung {
    double params, tokens, best;
  };
  for (const Rung& rung :
       {Rung{2856, 686e3, 0.0319}, Rung{7232, 296e3, 0.0186}, Rung{20120, 103e3, 0.0159},
        Rung{10352, 904e3, 0.0139}, Rung{32992, 339e3, 0.0094}, Rung{95664, 126e3, 0.0062},
        Rung{10352, 4.52e6, 0.0163}, Rung{32992, 1.7e6, 0.0088}, Rung{213696, 299e3, 0.0046}}) {
    const double ratio = rate_rule(rung.params, rung.tokens, 128).rate / rung.best;
    EXPECT_LT(std::abs(std::log(ratio)), std::log(2)) << rung.params;
  }
}

TEST(RateRule, BatchesGrowWithTheTokensAndStayInBounds) {
  EXPECT_EQ(rate_rule(1e4, 1e4, 128).batch, 1);
  EXPECT_EQ(rate_rule(1e4, 3e5, 128).batch, 2);
  EXPECT_EQ(rate_rule(1e4, 1.8e6, 128).batch, 3);
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 128).batch, 4);
  EXPECT_EQ(rate_rule(1e4, 1e12, 128).batch, 16);
}

TEST(RateRule, CountsBatchesInTokens) {
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 64).batch, 8);
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 2048).batch, 1);
}

TEST(RateRule, UnderACooldownNothingDependsOnTheTokens) {
  for (const double params : {3e3, 1e4, 7e4, 1e6}) {
    const RateAndBatch rule = rate_rule(params, 1e5, 128, "cooldown");
    const RateAndBatch longer = rate_rule(params, 1e9, 128, "cooldown");
    EXPECT_EQ(rule.rate, longer.rate);
    EXPECT_EQ(rule.batch, longer.batch);
    EXPECT_EQ(rule.warmup_tokens, params);
    // Haegele et al. 2024: half of the best cosine's peak, or a little more.
    const RateAndBatch cosine = rate_rule(params, 30 * params, 128);
    EXPECT_GE(rule.rate, 0.4 * cosine.rate);
    EXPECT_LE(rule.rate, cosine.rate);
    EXPECT_EQ(rule.batch, cosine.batch);
    EXPECT_EQ(cosine.warmup_tokens, 0);
  }
}

TEST(RateRule, RatesFallWithTheSizeAndStayInBounds) {
  EXPECT_EQ(rate_rule(10, 1e6, 128).rate, 0.03);
  EXPECT_EQ(rate_rule(1e12, 1e6, 128).rate, 3e-4);
  EXPECT_GT(rate_rule(1e4, 1e6, 128).rate, rate_rule(2e4, 1e6, 128).rate);
}

}  // namespace
}  // namespace isoflop
