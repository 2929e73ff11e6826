#include "report/sparkline.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace isoflop {
namespace {

TEST(Sparkline, GoesFromTheHighestBlockToTheLowest) {
  const std::vector<double> falling{8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(sparkline(falling, 8, true), "█▇▆▅▄▃▂▁");
  EXPECT_EQ(sparkline(falling, 8, false), "@%#+=-:.");
}

TEST(Sparkline, ManyValuesShareAColumnByTheirMean) {
  const std::vector<double> pairs{10, 6, 4, 4, 1, -1};
  EXPECT_EQ(sparkline(pairs, 3, false), "@+.");
}

TEST(Sparkline, EqualValuesLieInTheMiddleAndNothingIsASpace) {
  EXPECT_EQ(sparkline(std::vector<double>{2, 2, 2}, 10, false), "===");
  EXPECT_EQ(sparkline(std::vector<double>{2, std::nan(""), 1}, 10, false), "@ .");
  EXPECT_EQ(sparkline(std::vector<double>{}, 10, true), "");
  EXPECT_EQ(sparkline(std::vector<double>{std::nan("")}, 10, true), " ");
}

}  // namespace
}  // namespace isoflop
