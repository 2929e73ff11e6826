// How far a sweep is, counted in the store.
#ifndef ISOFLOP_CORE_SWEEP_STATUS_H_
#define ISOFLOP_CORE_SWEEP_STATUS_H_

#include <cstdint>
#include <string>

namespace isoflop {

struct SweepStatus {
  std::string study;
  std::int64_t planned = 0;
  std::int64_t running = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t diverged = 0;
  // FLOP (exact) to be spent, a shared trunk counted once: a trial costs its steps after the branch
  // of the trial before it in its trunk.
  double flops_total = 0;
  double flops_done = 0;    // of the finished ones and the done part of the running ones
  double flops_alone = 0;   // of all trials, were each trained by itself
  double seconds = 0;       // of training, summed over attempts
  std::int64_t trunks = 0;  // that two trials or more share

  std::int64_t trials() const { return planned + running + done + failed + diverged; }
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SWEEP_STATUS_H_
