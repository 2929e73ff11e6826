// How far a sweep is, counted in the store.
#ifndef ISOFLOP_CORE_SWEEP_STATUS_H_
#define ISOFLOP_CORE_SWEEP_STATUS_H_

#include <cstdint>
#include <string>

namespace isoflop {

struct SweepStatus {
  std::string study;
  std::int64_t planned = 0;
  std::int64_t leased = 0;  // handed to other hosts (db/store.h), and not heard of yet
  std::int64_t running = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t diverged = 0;
  std::int64_t out_of_memory = 0;
  std::int64_t cancelled = 0;
  // FLOP (exact) to be spent, a shared trunk counted once: a trial costs its steps after the branch
  // of the trial before it in its trunk.
  double flops_total = 0;
  double flops_done = 0;    // of the finished ones and the done part of the running ones
  double flops_left = 0;    // of those that are planned, leased or running
  double flops_alone = 0;   // of all trials, were each trained by itself
  double flops_spent = 0;   // by all ended attempts, work that was lost included
  double seconds = 0;       // of training, summed over attempts
  std::int64_t trunks = 0;  // that two trials or more share

  // What no retry has mended.
  std::int64_t in_trouble() const { return failed + out_of_memory; }
  // Nothing more will come of them without `sweep retry`.
  std::int64_t ended() const { return done + diverged + in_trouble() + cancelled; }
  std::int64_t trials() const { return planned + leased + running + ended(); }
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SWEEP_STATUS_H_
