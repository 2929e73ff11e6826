#include "core/rate_rung.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace isoflop {
namespace {

constexpr double kDiverged = std::numeric_limits<double>::infinity();

TEST(RateRung, TheBestRateIsTheVertexOfTheParabola) {
  // By hand, x in units of ln 2: losses 3 + (x - 1/4)^2 at x = -1, 0, 1.
  const auto rung = rate_rung(1e4, 1e6, 0.01, {{0.01, 3.0625}, {0.02, 3.5625}, {0.005, 4.5625}});
  ASSERT_TRUE(rung);
  EXPECT_EQ(rung->rates, (std::vector<double>{0.005, 0.01, 0.02}));
  EXPECT_EQ(rung->losses, (std::vector<double>{4.5625, 3.0625, 3.5625}));
  EXPECT_EQ(rung->best, 1u);
  EXPECT_FALSE(rung->at_edge);
  EXPECT_NEAR(rung->ratio, std::pow(2, 0.25), 1e-12);
  EXPECT_NEAR(rung->best_rate, 0.01 * std::pow(2, 0.25), 1e-14);
}

TEST(RateRung, RatesNeedNotBeEvenlySpaced) {
  // x = ln(rate / 0.01): losses 3 + 2 (x - 0.3)^2.
  const auto loss = [](double rate) { return 3 + 2 * std::pow(std::log(rate / 0.01) - 0.3, 2); };
  const auto rung =
      rate_rung(1e4, 1e6, 0.01, {{0.0025, loss(0.0025)}, {0.01, loss(0.01)}, {0.03, loss(0.03)}});
  EXPECT_NEAR(rung->best_rate, 0.01 * std::exp(0.3), 1e-14);
}

TEST(RateRung, ABestAtTheEdgeIsNotExtrapolated) {
  const auto lower = rate_rung(1e4, 1e6, 0.01, {{0.005, 2.9}, {0.01, 3}, {0.02, 3.2}});
  EXPECT_TRUE(lower->at_edge);
  EXPECT_EQ(lower->best_rate, 0.005);
  EXPECT_EQ(lower->ratio, 0.5);
  const auto upper = rate_rung(1e4, 1e6, 0.01, {{0.005, 3.2}, {0.01, 3}, {0.02, 2.9}});
  EXPECT_TRUE(upper->at_edge);
  EXPECT_EQ(upper->ratio, 2);
}

TEST(RateRung, ARateThatDivergedIsNotTheBest) {
  const auto rung = rate_rung(1e4, 1e6, 0.01, {{0.005, 3.1}, {0.01, 3}, {0.02, kDiverged}});
  EXPECT_FALSE(rung->at_edge) << "the best rate is below the one that diverged";
  EXPECT_EQ(rung->best_rate, 0.01);
  EXPECT_FALSE(rate_rung(1e4, 1e6, 1, {{1, kDiverged}, {2, kDiverged}, {4, kDiverged}}));
}

TEST(RateRung, AWiderBracketBesideANarrowOneMakesOneRung) {
  const auto rung =
      rate_rung(1e4, 1e6, 0.01, {{0.02, 2.9}, {0.005, 3.2}, {0.01, 3}, {0.04, 3}, {0.0025, 3.5}});
  EXPECT_FALSE(rung->at_edge);
  EXPECT_NEAR(rung->best_rate, 0.02, 1e-14);
}

TEST(RateRung, NeedsThreeRatesAndSurvivesEqualLosses) {
  EXPECT_FALSE(rate_rung(1e4, 1e6, 0.01, {{0.005, 3}, {0.01, 2.9}}));
  const auto flat = rate_rung(1e4, 1e6, 0.02, {{0.005, 3}, {0.01, 3}, {0.02, 3}});
  EXPECT_TRUE(std::isfinite(flat->best_rate));
}

}  // namespace
}  // namespace isoflop
