#include "core/training_curve.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

TrainingCurve some_curve(CurveSchedule schedule) {
  TrainingCurve curve{.run = "a", .params = 100, .schedule = schedule};
  curve.points = {{1000, 4}, {1995, 3}, {2000, 2.9}};
  return curve;
}

TEST(TrainingCurve, OnlyTheEndIsCooledDown) {
  TrainingCurve curve = some_curve(CurveSchedule::kCooldown);
  EXPECT_FALSE(is_cooled_down(curve, curve.points[0]));
  EXPECT_TRUE(is_cooled_down(curve, curve.points[1]));  // runs end in whole batches
  EXPECT_TRUE(is_cooled_down(curve, curve.points[2]));
  curve.planned_tokens = 4000;
  EXPECT_FALSE(is_cooled_down(curve, curve.points[2]));
  curve.schedule = CurveSchedule::kConstant;
  curve.planned_tokens = 0;
  EXPECT_FALSE(is_cooled_down(curve, curve.points[2]));
}

TEST(TrainingCurve, CostsSixNUnlessItSaysOtherwise) {
  TrainingCurve curve = some_curve(CurveSchedule::kCosine);
  EXPECT_EQ(flops_at(curve, 10), 6000);
  curve.flops_per_token = 700;
  EXPECT_EQ(flops_at(curve, 10), 7000);
  EXPECT_EQ(horizon_of(curve), 2000);
  EXPECT_EQ(horizon_of(TrainingCurve{}), 0);
}

TEST(TrainingCurve, SchedulesHaveNamesAndTheTrialsOwnWordsAreKnown) {
  for (const CurveSchedule schedule : {CurveSchedule::kUnknown, CurveSchedule::kCosine,
                                       CurveSchedule::kCooldown, CurveSchedule::kConstant}) {
    EXPECT_EQ(parse_curve_schedule(name_of(schedule)), schedule);
  }
  EXPECT_EQ(parse_curve_schedule("cooldown_sqrt"), CurveSchedule::kCooldown);
  EXPECT_THROW(parse_curve_schedule("cosin"), Error);
}

}  // namespace
}  // namespace isoflop
