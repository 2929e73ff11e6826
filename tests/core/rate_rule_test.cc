#include "core/rate_rule.h"

#include <cmath>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

// Best rate of a bracket (factor 1.5 to 2 between rates) at a few of the measured rungs; see
// docs/decisions/rate_rule.md.
TEST(RateRule, IsWithinAFactorOfTwoOfMeasuredBests) {
  struct Rung {
    double params, tokens, best;
  };
  for (const Rung& rung :
       {Rung{10352, 904e3, 0.016}, Rung{32960, 3.4e6, 0.0093}, Rung{330e3, 340e3, 0.0033}}) {
    const double ratio = rate_rule(rung.params, rung.tokens, 128).rate / rung.best;
    EXPECT_LT(std::abs(std::log(ratio)), std::log(2)) << rung.params;
  }
}

TEST(RateRule, BatchesGrowWithTheTokensAndStayInBounds) {
  EXPECT_EQ(rate_rule(1e4, 1e4, 128).batch, 2);
  EXPECT_EQ(rate_rule(1e4, 1.8e6, 128).batch, 3);
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 128).batch, 4);
  EXPECT_EQ(rate_rule(1e4, 1e12, 128).batch, 16);
}

TEST(RateRule, CountsBatchesInTokens) {
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 64).batch, 8);
  EXPECT_EQ(rate_rule(1e4, 3.4e6, 2048).batch, 1);
}

TEST(RateRule, RatesFallWithTheSizeAndStayInBounds) {
  EXPECT_EQ(rate_rule(10, 1e6, 128).rate, 0.03);
  EXPECT_EQ(rate_rule(1e12, 1e6, 128).rate, 3e-4);
  EXPECT_GT(rate_rule(1e4, 1e6, 128).rate, rate_rule(2e4, 1e6, 128).rate);
}

}  // namespace
}  // namespace isoflop
