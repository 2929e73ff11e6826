#include "fit/exclusions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Observation> labelled_rows() {
  std::vector<Observation> rows;
  for (const char* label : {"0a1b2c3d", "0a1b2cff", "big", "9"}) {
    rows.push_back({.trial = label, .row = static_cast<std::int64_t>(rows.size()) + 10});
  }
  return rows;
}

std::vector<std::int64_t> rows_left(const std::string& which) {
  const std::vector<Exclusion> exclusions = {{.rows = which, .because = "a reason"}};
  std::vector<std::int64_t> left;
  for (const Observation& row : without(labelled_rows(), exclusions)) left.push_back(row.row);
  return left;
}

std::string refused(const Exclusion& exclusion) {
  try {
    without(labelled_rows(), std::vector<Exclusion>{exclusion});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(Exclusions, NameRowsByNumberRangeOrLabel) {
  EXPECT_THAT(rows_left("11"), ElementsAre(10, 12, 13));
  EXPECT_THAT(rows_left("10-12"), ElementsAre(13));
  EXPECT_THAT(rows_left("big"), ElementsAre(10, 11, 13));
  EXPECT_THAT(rows_left("0a1b2c3"), ElementsAre(11, 12, 13));
  EXPECT_THAT(rows_left("9"), ElementsAre(10, 11, 12)) << "a label goes before a number";
}

TEST(Exclusions, ThatNameNoRowOrSeveralLabelsAreUsageErrors) {
  for (const char* which : {"99", "bi", "12-11", "-1", "", "1x", "100-200"}) {
    EXPECT_THAT(refused({.rows = which, .because = "x"}), HasSubstr("rows are 10 to 13")) << which;
  }
  EXPECT_THAT(refused({.rows = "0a1b2c", .because = "x"}),
              HasSubstr("could be 0a1b2c3d or 0a1b2cff"));
  EXPECT_THAT(refused({.rows = "11", .because = ""}), HasSubstr("gives no reason"));
}

TEST(Exclusions, OfARowThatIsGoneAlreadyIsAnError) {
  const std::vector<Exclusion> twice = {{"11", "a"}, {"11", "b"}};
  EXPECT_THROW(without(labelled_rows(), twice), Error);
}

}  // namespace
}  // namespace isoflop
