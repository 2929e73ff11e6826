#include "io/curves_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

CurveTable curves_in(const std::string& text, const CurveColumns& columns = {}) {
  return curves_from(parse_csv(text, "c.csv"), "c.csv", columns);
}

std::string error_of(const std::string& text, const CurveColumns& columns = {}) {
  try {
    curves_in(text, columns);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(CurvesCsv, CollectsARunsPointsFromWhereverTheyStandAndSortsThem) {
  const CurveTable table = curves_in(
      "run,N,D,L\n"
      "b,2k,3M,3.5\n"
      "a,1k,1M,4\n"
      "b,2k,1M,4.5\n"
      "b,2k,2M,4.0\n");
  ASSERT_EQ(table.curves.size(), 2u);
  EXPECT_EQ(table.curves[0].run, "b");
  EXPECT_EQ(table.curves[0].params, 2000);
  EXPECT_EQ(table.curves[0].points, (std::vector<LossPoint>{{1e6, 4.5}, {2e6, 4}, {3e6, 3.5}}));
  EXPECT_EQ(table.curves[0].schedule, CurveSchedule::kUnknown);
  EXPECT_EQ(table.curves[0].planned_tokens, 0);
  EXPECT_EQ(table.notes.size(), 2u);  // C = 6 N D, horizon = last point
}

TEST(CurvesCsv, ReadsBackWhatItWrites) {
  std::vector<TrainingCurve> curves(2);
  curves[0] = {.run = "a, \"quoted\"", .params = 1e8 / 3, .flops_per_token = 2.5e8};
  curves[0].schedule = CurveSchedule::kCooldown;
  curves[0].planned_tokens = 1e10;
  curves[0].points = {{1e9, 3.1234567890123456}, {1e10, 2.0 / 3}};
  curves[1] = {.run = "b", .params = 7};
  curves[1].points = {{10, 1}};
  const CurveTable table = curves_in(curves_csv(curves));
  ASSERT_EQ(table.curves.size(), 2u);
  EXPECT_EQ(table.curves, curves);
}

TEST(CurvesCsv, MapsColumnsByName) {
  const std::string text = "name,size,N,tokens_seen,c4,pile\nr,s,10,5,3,2\n";
  EXPECT_THAT(error_of(text), HasSubstr("no column holds loss"));
  const CurveTable table = curves_in(text, parse_curve_columns("loss=pile"));
  EXPECT_EQ(table.curves[0].points[0].loss, 2);
  EXPECT_THAT(error_of(text, parse_curve_columns("loss=pil")), HasSubstr("did you mean pile?"));
  EXPECT_THROW(parse_curve_columns("lose=c4"), Error);
  EXPECT_THROW(parse_curve_columns("loss=a,loss=b"), Error);
  EXPECT_THROW(parse_curve_columns("loss"), Error);
}

TEST(CurvesCsv, LeavesThePointBeforeTheFirstStepOutAndSaysSo) {
  const CurveTable table = curves_in("run,N,D,L\na,10,0,11\na,10,5,4\n");
  EXPECT_EQ(table.curves[0].points.size(), 1u);
  EXPECT_THAT(table.notes.front(), HasSubstr("1 points at 0 tokens"));
}

TEST(CurvesCsv, NamesLineAndColumnOfABadCell) {
  const std::string head = "run,N,D,L\na,10,5,4\n";
  EXPECT_THAT(error_of(head + "a,10,6,nan\n"), HasSubstr("c.csv:3: L: \"nan\" is not a finite"));
  EXPECT_THAT(error_of(head + "a,10,6,\n"), HasSubstr("c.csv:3: L: \"\" is empty"));
  EXPECT_THAT(error_of(head + "a,10,6,-1\n"), HasSubstr("must not be negative"));
  EXPECT_THAT(error_of(head + "a,10,6,0\n"), HasSubstr("must be above 0"));
  EXPECT_THAT(error_of(head + "a,ten,6,3\n"), HasSubstr("c.csv:3: N: \"ten\" is not a finite"));
  EXPECT_THAT(error_of(head + ",10,6,3\n"), HasSubstr("every point is of a run"));
  EXPECT_THAT(error_of("run,N,D,L\n"), HasSubstr("no rows"));
}

TEST(CurvesCsv, ARunMustAgreeWithItself) {
  const std::string head = "run,N,D,L,flops,horizon,schedule\na,10,5,4,300,20,cosine\n";
  EXPECT_THAT(error_of(head + "a,11,6,3,360,20,cosine\n"), HasSubstr("c.csv:3: N"));
  EXPECT_THAT(error_of(head + "a,10,6,3,400,20,cosine\n"), HasSubstr("FLOPs per token of run"));
  EXPECT_THAT(error_of(head + "a,10,6,3,360,21,cosine\n"), HasSubstr("c.csv:3: horizon"));
  EXPECT_THAT(error_of(head + "a,10,6,3,360,20,constant\n"), HasSubstr("c.csv:3: schedule"));
  EXPECT_THAT(error_of(head + "a,10,6,3,360,20,cosin\n"), HasSubstr("is not a schedule"));
  EXPECT_THAT(error_of(head + "a,10,5,3,300,20,cosine\n"),
              HasSubstr("c.csv:3: D: \"5\" is given twice for run \"a\""));
  EXPECT_EQ(error_of(head + "a,10,6,3,361,20,cosine\n"), "no error");  // rounding
}

}  // namespace
}  // namespace isoflop
