// The learning rate at each step, as a factor of the peak; and what trials of one model share.
//
// Linear warm-up over the first `warmup_steps` steps, then
//
//   cosine     from 1 down to `final_rate` over exactly the trial's own steps: a cosine that
//              outlasts its run by more than 25 % visibly hurts (Hoffmann et al. 2022, Fig. A1)
//   cooldown   1 until `branch_step`, then f + (1 - f) (1 - sqrt(t)) or f + (1 - f) (1 - t), where
//              t goes from 0 to 1 over the last fraction of the steps and f = final_rate (Haegele
//              et al. 2024, arXiv:2405.18392: 20 % and the square root match the best cosine)
//
// Steps count from 0; step t trains with rate_factor(t).
//
// Under `cooldown` nothing before branch_step depends on D: trials that differ in D and cooldown
// only share their trunk, and one can go on from another's state to the bit.
#ifndef ISOFLOP_CORE_SCHEDULE_H_
#define ISOFLOP_CORE_SCHEDULE_H_

#include <cstdint>
#include <string>

#include "core/trial.h"

namespace isoflop {

enum class ScheduleKind { kCosine, kCooldownSqrt, kCooldownLinear };

struct Schedule {
  ScheduleKind kind = ScheduleKind::kCosine;
  std::int64_t steps = 0;
  std::int64_t warmup_steps = 0;
  std::int64_t branch_step = 0;  // first step of the cooldown; `steps` for a cosine
  double final_rate = 0;
};

// Steps that consume train.tokens in whole batches of batch x context tokens, at least one.
std::int64_t steps_of(const Trial& trial);

Schedule schedule_of(const Trial& trial);

double rate_factor(const Schedule& schedule, std::int64_t step);

// SHA-256 that trials have in common whose steps before their branch steps are the same; empty for
// a schedule without a trunk.
std::string trunk_identity(const Trial& trial);

// The same trial with the fields that do not matter before branch_step (D, the cooldown, the final
// evaluation) at fixed values: equal for trials that share a trunk. Itself for other schedules.
Trial trunk_of(const Trial& trial);

// Tokens of the trunk that the trial needs; 0 for a schedule without one.
double branch_tokens(const Trial& trial);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SCHEDULE_H_
