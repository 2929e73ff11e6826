#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

// AdamW's second moment needs some gradients before it can be divided by.
constexpr std::int64_t kLeastWarmup = 10;

}  // namespace

std::int64_t steps_of(const Trial& trial) {
  const auto batch_tokens = static_cast<double>(trial.train.batch * trial.model.context);
  return std::max<std::int64_t>(1, std::llround(trial.train.tokens / batch_tokens));
}

Schedule schedule_of(const Trial& trial) {
  const std::int64_t steps = steps_of(trial);
  if (trial.train.warmup <= 0) return {.steps = steps, .final_rate = trial.train.final_rate};
  const auto wanted = std::llround(trial.train.warmup * static_cast<double>(steps));
  return {.steps = steps,
          .warmup_steps = std::min(steps / 2, std::max<std::int64_t>(kLeastWarmup, wanted)),
          .final_rate = trial.train.final_rate};
}

double rate_factor(const Schedule& schedule, std::int64_t step) {
  if (step < schedule.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps + 1);
  }
  const auto horizon = static_cast<double>(schedule.steps - schedule.warmup_steps);
  const double t = static_cast<double>(step - schedule.warmup_steps) / horizon;
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * t));
  return schedule.final_rate + (1.0 - schedule.final_rate) * cosine;
}

}  // namespace isoflop
