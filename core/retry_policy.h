// How often a trial is tried again, by what went wrong. What is not listed is always tried again
// and never counted: a clean stop, preemption, a full disk, a worker that died with the whole
// sweep.
//
//   diverged        not tried again: the same trial would diverge again
//   out of memory   with half the micro-batch and the same batch, until it is one sequence; a trial
//                   whose losses depend on that (needs_whole_batch in core/trial.h) not again
//   bug             an exception or a crash of the trial's own: `bugs` times
//   killed          kill -9 and the like: `kills` deaths in a row without progress. An attempt made
//                   progress when it came further, by 1 % of the trial's tokens, than those before
//
// `isoflop sweep retry` sets the counts back.
#ifndef ISOFLOP_CORE_RETRY_POLICY_H_
#define ISOFLOP_CORE_RETRY_POLICY_H_

#include <algorithm>
#include <cstdint>

#include "core/trial.h"

namespace isoflop {

struct RetryPolicy {
  int bugs = 1;
  int kills = 10;  // 0: deaths are not counted

  bool operator==(const RetryPolicy&) const = default;
};

// After out of memory: half of `micro_batch` (0: the whole batch), or 0 when it cannot be less.
inline std::int64_t halved_micro_batch(std::int64_t micro_batch, const Trial& trial) {
  if (needs_whole_batch(trial)) return 0;
  const std::int64_t batch = trial.train.batch;
  const std::int64_t now = micro_batch > 0 ? std::min(micro_batch, batch) : batch;
  return now > 1 ? (now + 1) / 2 : 0;
}

}  // namespace isoflop

#endif  // ISOFLOP_CORE_RETRY_POLICY_H_
