#include "core/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

// AdamW's second moment needs some gradients before it can be divided by.
constexpr std::int64_t kLeastWarmup = 10;

double tokens_a_step(const Trial& trial) {
  return static_cast<double>(trial.train.batch * trial.model.context);
}

bool has_trunk(const Trial& trial) { return trial.train.schedule == "cooldown"; }

std::int64_t warmup_steps(const Trial& trial, std::int64_t steps) {
  if (trial.train.warmup_tokens > 0) {
    const auto wanted = std::llround(trial.train.warmup_tokens / tokens_a_step(trial));
    // What a trunk shares must not know of D.
    const auto least = has_trunk(trial) ? kLeastWarmup : std::min(kLeastWarmup, steps / 2);
    return std::max<std::int64_t>(least, wanted);
  }
  if (trial.train.warmup <= 0) return 0;
  const auto wanted = std::llround(trial.train.warmup * static_cast<double>(steps));
  return std::min(steps / 2, std::max<std::int64_t>(kLeastWarmup, wanted));
}

// How far down the rate is, from 0 to 1, at t in [0, 1] of its way.
double decay(ScheduleKind kind, double t) {
  switch (kind) {
    case ScheduleKind::kCooldownSqrt:
      return std::sqrt(t);
    case ScheduleKind::kCooldownLinear:
      return t;
    case ScheduleKind::kCosine:
      break;
  }
  return 0.5 * (1.0 - std::cos(std::numbers::pi * t));
}

}  // namespace

std::int64_t steps_of(const Trial& trial) {
  return std::max<std::int64_t>(1, std::llround(trial.train.tokens / tokens_a_step(trial)));
}

Schedule schedule_of(const Trial& trial) {
  const std::int64_t steps = steps_of(trial);
  Schedule schedule{.steps = steps,
                    .warmup_steps = warmup_steps(trial, steps),
                    .branch_step = steps,
                    .final_rate = trial.train.final_rate};
  if (has_trunk(trial)) {
    schedule.kind = trial.train.cooldown_shape == "linear" ? ScheduleKind::kCooldownLinear
                                                           : ScheduleKind::kCooldownSqrt;
    const auto wanted = std::llround(trial.train.cooldown * static_cast<double>(steps));
    schedule.branch_step = steps - std::clamp<std::int64_t>(wanted, 1, steps);
  }
  return schedule;
}

double rate_factor(const Schedule& schedule, std::int64_t step) {
  if (step < schedule.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps + 1);
  }
  const bool cosine = schedule.kind == ScheduleKind::kCosine;
  const std::int64_t start = cosine ? schedule.warmup_steps : schedule.branch_step;
  if (step < start) return 1;
  const double t = static_cast<double>(step - start) / static_cast<double>(schedule.steps - start);
  return schedule.final_rate + (1.0 - schedule.final_rate) * (1.0 - decay(schedule.kind, t));
}

Trial trunk_of(const Trial& trial) {
  Trial trunk = trial;
  if (!has_trunk(trial)) return trunk;
  trunk.train.tokens = 0;
  trunk.train.cooldown = 0;
  trunk.train.cooldown_shape = "";
  trunk.train.final_rate = 0;
  trunk.eval_windows = 0;
  trunk.data.epochs = DataSpec{}.epochs;  // a limit on D; which data repeat is unique_tokens
  return trunk;
}

std::string trunk_identity(const Trial& trial) {
  return has_trunk(trial) ? identity(trunk_of(trial)) : "";
}

double branch_tokens(const Trial& trial) {
  if (!has_trunk(trial)) return 0;
  return static_cast<double>(schedule_of(trial).branch_step) * tokens_a_step(trial);
}

}  // namespace isoflop
