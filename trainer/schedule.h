// The learning rate at each step, as a factor of the peak.
//
// Linear warm-up over the first `warmup_steps` steps (the trial's fraction, at least 10 steps, at
// most half of all), then a cosine from 1 down to `final_rate` whose horizon is exactly the trial's
// own steps: a cosine that outlasts its run by more than 25 % visibly hurts (Hoffmann et al. 2022,
// Fig. A1). Steps count from 0; step t trains with rate_factor(t), the last step with about
// final_rate.
#ifndef ISOFLOP_TRAINER_SCHEDULE_H_
#define ISOFLOP_TRAINER_SCHEDULE_H_

#include <cstdint>

#include "core/trial.h"

namespace isoflop {

struct Schedule {
  std::int64_t steps = 0;
  std::int64_t warmup_steps = 0;
  double final_rate = 0.1;
};

// Steps that consume train.tokens in whole batches of batch x context tokens, at least one.
std::int64_t steps_of(const Trial& trial);

Schedule schedule_of(const Trial& trial);

double rate_factor(const Schedule& schedule, std::int64_t step);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_SCHEDULE_H_
