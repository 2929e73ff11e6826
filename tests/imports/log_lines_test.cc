#include "imports/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::pair<std::string, std::int64_t>> lines_of(std::string_view bytes) {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (LogLines lines(bytes); lines.next();) out.emplace_back(lines.text(), lines.number());
  return out;
}

TEST(LogLinesOf, EndWithLineFeedOrBoth) {
  EXPECT_THAT(lines_of("a\nb\r\nc"), ElementsAre(Pair("a", 1), Pair("b", 2), Pair("c", 3)));
  EXPECT_THAT(lines_of("\n\r\n"), ElementsAre(Pair("", 1), Pair("", 2)));
  EXPECT_TRUE(lines_of("").empty());
}

TEST(LogLinesOf, AProgressBarsLinesHaveOneNumber) {
  EXPECT_THAT(lines_of("1%\r2%\rdone\nnext\r"),
              ElementsAre(Pair("1%", 1), Pair("2%", 1), Pair("done", 1), Pair("next", 2)));
}

TEST(LogLinesOf, HaveNoColours) {
  EXPECT_THAT(lines_of("\x1b[1;32mstep\x1b[0m 3\n\x1b(plain\x1b["),
              ElementsAre(Pair("step 3", 1), Pair("plain", 2)));
}

TEST(LogLinesOf, OnlyTheUnfinishedLastOneIsTorn) {
  LogLines lines("a\nb");
  ASSERT_TRUE(lines.next());
  EXPECT_FALSE(lines.is_torn());
  ASSERT_TRUE(lines.next());
  EXPECT_TRUE(lines.is_torn());
  EXPECT_FALSE(lines.next());
}

TEST(LineCursorAt, ReadsNumbersThatAreNotPartOfAWord) {
  EXPECT_EQ(LineCursor("3.25 x").number(), 3.25);
  EXPECT_EQ(LineCursor("1.05E+01 |").number(), 10.5);
  EXPECT_TRUE(std::isnan(LineCursor("nan").number().value()));
  EXPECT_TRUE(std::isinf(LineCursor("1e999").number().value()));
  EXPECT_FALSE(LineCursor("3.25ms").number());
  EXPECT_EQ(LineCursor("3.25ms").number(true), 3.25);
  EXPECT_FALSE(LineCursor("12.5").whole());
  EXPECT_FALSE(LineCursor("99999999999999999999").whole());
}

TEST(LineCursorAt, CountsDecimals) {
  LineCursor cursor("3.12");
  ASSERT_TRUE(cursor.number());
  EXPECT_EQ(cursor.decimals(), 2);
}

}  // namespace
}  // namespace isoflop
