// A run's loss while it trains, as approach 1 reads it from a store or a table.
//
// Which of its points say what a run of that length reaches depends on the schedule: a cosine's
// points before its end have not seen the low rates (their losses are too high), a trunk at a
// constant rate never has. Under `cooldown` only the end is cooled down.
#ifndef ISOFLOP_CORE_TRAINING_CURVE_H_
#define ISOFLOP_CORE_TRAINING_CURVE_H_

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

enum class CurveSchedule { kUnknown, kCosine, kCooldown, kConstant };

struct LossPoint {
  double tokens = 0;
  double loss = 0;  // nats per token

  bool operator==(const LossPoint&) const = default;
};

struct TrainingCurve {
  std::string run;
  double params = 0;           // N
  double flops_per_token = 0;  // 0: 6 N
  CurveSchedule schedule = CurveSchedule::kUnknown;
  double planned_tokens = 0;      // where the schedule ends; 0: at the last point
  std::vector<LossPoint> points;  // ascending tokens

  bool operator==(const TrainingCurve&) const = default;
};

// "unknown", "cosine", "cooldown", "constant". parse throws Error(kUsage) listing them; it also
// takes the trials' own words "cooldown_sqrt" and "cooldown_linear" ("wsd" too).
std::string_view name_of(CurveSchedule schedule);
CurveSchedule parse_curve_schedule(std::string_view name);

// FLOP at a point.
double flops_at(const TrainingCurve& curve, double tokens);
// planned_tokens, or the last point's; 0 for a curve without points.
double horizon_of(const TrainingCurve& curve);
// Has the point seen the whole schedule, to 1 % of the tokens? Never under `constant`.
bool is_cooled_down(const TrainingCurve& curve, const LossPoint& point);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_TRAINING_CURVE_H_
