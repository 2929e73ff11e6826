#include "report/approaches_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(ApproachesText, ProfilesShowWhyABudgetWasRefused) {
  IsoflopFit isoflop;
  isoflop.profiles = {
      {.budget = 1e19, .points = 5, .usable = true, .params = 2e8, .tokens = 8e9, .loss = 3},
      {.budget = 1e20, .points = 4, .usable = false, .code = "not_bracketed"},
      {.budget = 3e20, .points = 1, .usable = false, .code = "too_few_points"}};
  const TextTable table = profile_table(isoflop);
  ASSERT_EQ(table.rows.size(), 2u);  // a budget with one run is no profile
  EXPECT_EQ(table.rows[0].back(), "bracketed");
  EXPECT_EQ(table.rows[1].back(), "not_bracketed");
  EXPECT_EQ(table.rows[1][2], "-");
}

}  // namespace
}  // namespace isoflop
