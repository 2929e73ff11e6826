#include "core/power_law.h"

#include <cmath>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(PowerLaw, IsALineInTheLogarithmsAndItsIntervalIsOfWholeDraws) {
  PowerLawFit fit{.line = {std::log(0.5), 0.4}, .draws = {}};
  EXPECT_NEAR(value_at(fit.line, 1e20), 0.5e8, 1e-6 * 1e8);
  EXPECT_FALSE(interval_at(fit, 1e20, 0.9).low.has_value());
  // Lines that cross at C = 1e20: no spread there, and a factor of 10^0.2 each way at 1e22.
  for (int k = -50; k <= 50; ++k) {
    const double slope = 0.4 + 0.002 * k;
    fit.draws.push_back({std::log(0.5e8) - slope * std::log(1e20), slope});
  }
  const Interval here = interval_at(fit, 1e20, 0.9);
  EXPECT_NEAR(*here.high / *here.low, 1, 1e-9);
  const Interval far = interval_at(fit, 1e22, 1);
  EXPECT_NEAR(*far.high / far.value, std::pow(10, 0.2), 1e-9);
  EXPECT_NEAR(*slope_interval(fit, 0.9).low, 0.31, 1e-12);
}

}  // namespace
}  // namespace isoflop
