// Trials dealt out to tasks in advance, for hosts that cannot ask a store.
//
// The unit is a chain: the trials of one trunk (core/schedule.h) in the order of their branches, so
// that the trunk is trained once, or a trial by itself. Chains are dealt longest first, each to the
// task with the least to do (Graham 1969: at most 4/3 of the best balance), so that several short
// trials share a task. Within a task the shortest chain comes first: a preempted task has something
// to show.
#ifndef ISOFLOP_SWEEP_ASSIGNMENT_H_
#define ISOFLOP_SWEEP_ASSIGNMENT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/assignment.h"
#include "db/rows.h"

namespace isoflop {

// What is 0 does not count; with several the most tasks that any asks for, but never more than
// max_tasks nor than there are chains. All 0: a chain a task.
struct Packing {
  std::int64_t trials_per_task = 0;
  double seconds_per_task = 0;
  std::int64_t max_tasks = 0;
};

// What Store::lease_out returned, with the estimated seconds of each (sweep/cost.h; `speed` as
// there).
std::vector<AssignedTrial> assigned_trials(std::span<const Claim> claims, double speed = 1);

// Tasks 0, 1, ..., none empty. O(n log n).
std::vector<Task> make_tasks(std::vector<AssignedTrial> trials, const Packing& packing);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_ASSIGNMENT_H_
