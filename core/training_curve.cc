#include "core/training_curve.h"

#include <array>

#include "core/error.h"

namespace isoflop {
namespace {

struct NamedSchedule {
  std::string_view name;
  CurveSchedule schedule;
};

constexpr std::array<NamedSchedule, 7> kSchedules = {{{"unknown", CurveSchedule::kUnknown},
                                                      {"cosine", CurveSchedule::kCosine},
                                                      {"cooldown", CurveSchedule::kCooldown},
                                                      {"constant", CurveSchedule::kConstant},
                                                      {"cooldown_sqrt", CurveSchedule::kCooldown},
                                                      {"cooldown_linear", CurveSchedule::kCooldown},
                                                      {"wsd", CurveSchedule::kCooldown}}};

// Runs end in whole batches, a little before or after the planned tokens.
constexpr double kEndTolerance = 0.01;

}  // namespace

std::string_view name_of(CurveSchedule schedule) {
  for (const NamedSchedule& named : kSchedules) {
    if (named.schedule == schedule) return named.name;
  }
  return "unknown";
}

CurveSchedule parse_curve_schedule(std::string_view name) {
  for (const NamedSchedule& named : kSchedules) {
    if (named.name == name) return named.schedule;
  }
  throw usage_error("schedule: \"" + std::string(name) +
                    "\" is not known: give cosine, cooldown, constant or unknown");
}

double flops_at(const TrainingCurve& curve, double tokens) {
  return (curve.flops_per_token > 0 ? curve.flops_per_token : 6 * curve.params) * tokens;
}

double horizon_of(const TrainingCurve& curve) {
  if (curve.planned_tokens > 0) return curve.planned_tokens;
  return curve.points.empty() ? 0 : curve.points.back().tokens;
}

bool is_cooled_down(const TrainingCurve& curve, const LossPoint& point) {
  if (curve.schedule == CurveSchedule::kConstant) return false;
  return point.tokens >= (1 - kEndTolerance) * horizon_of(curve);
}

}  // namespace isoflop
