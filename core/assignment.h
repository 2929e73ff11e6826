// Trials handed out in advance: which task of a job array runs which, with all that it needs to
// know where the store cannot be opened. sweep/assignment.h makes them, io/assignment_json.h writes
// and reads them, sweep/task.h runs one.
#ifndef ISOFLOP_CORE_ASSIGNMENT_H_
#define ISOFLOP_CORE_ASSIGNMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/retry_policy.h"
#include "core/trial.h"

namespace isoflop {

struct AssignedTrial {
  std::string identity = {};
  Trial trial = {};
  std::int64_t micro_batch = 0;  // to begin with; RunContext::micro_batch
  double seconds = 0;  // estimate on one core; what a trial before it in its trunk leaves is free
};

// Run one after the other by one process.
struct Task {
  std::int64_t index = 0;  // from 0
  double seconds = 0;      // sum of its trials'
  std::vector<AssignedTrial> trials = {};
};

// A prepared corpus by the hash that trials name it by.
struct AssignedCorpus {
  std::string hash = {};
  std::string name = {};
  std::string dir = {};  // its folder, as the tasks' hosts see it
};

struct Assignment {
  std::string study = {};
  std::string version = {};  // of the isoflop that wrote it
  // Unix seconds. Failures under earlier assignments do not count (isoflop sweep retry sets them
  // back). 0: written now.
  double written = 0;
  RetryPolicy policy = {};
  std::string device = "cpu";
  double checkpoint_seconds = 300;
  double peak_flops = 0;  // of a task's device, for MFU; 0: not known
  std::vector<AssignedCorpus> corpora = {};
  std::vector<Task> tasks = {};
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_ASSIGNMENT_H_
