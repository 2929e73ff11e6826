// Which task of an assignment this process is, and what its scheduler calls it.
#ifndef ISOFLOP_APP_TASK_INDEX_H_
#define ISOFLOP_APP_TASK_INDEX_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace isoflop {

// A variable of the environment; null where it is not set.
using GetVariable = std::function<const char*(const char*)>;

struct TaskIndex {
  std::int64_t index = 0;  // from 0
  std::string from = {};   // the variable it was found in
};

// The first of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX (Kubernetes), PBS_ARRAY_INDEX,
// AWS_BATCH_JOB_ARRAY_INDEX, VC_TASK_INDEX (Volcano), LSB_JOBINDEX (LSF) and SGE_TASK_ID that holds
// a number, less `base`: what the scheduler calls the first task; by default 1 for LSF and SGE,
// whose arrays cannot begin with 0, and 0 else. Throws Error(kUsage) when there is none, or the
// index would be below 0.
TaskIndex task_index(const GetVariable& variable, std::optional<std::int64_t> base);

// The same name whenever the scheduler starts this task again: "slurm 1234_5"; empty outside of the
// schedulers above. And how often it has (SLURM_RESTART_COUNT; 0 where it is not told).
std::string scheduler_job(const GetVariable& variable);
std::int64_t scheduler_restart(const GetVariable& variable);

}  // namespace isoflop

#endif  // ISOFLOP_APP_TASK_INDEX_H_
