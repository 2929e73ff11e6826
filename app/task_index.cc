#include "app/task_index.h"

#include <charconv>
#include <string_view>

#include "core/error.h"

namespace isoflop {
namespace {

struct ArrayScheduler {
  const char* name;
  const char* index;  // variable
  const char* job;    // variable
  std::int64_t base;
};

constexpr ArrayScheduler kArraySchedulers[] = {
    {"slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_JOB_ID", 0},
    {"kubernetes", "JOB_COMPLETION_INDEX", "JOB_NAME", 0},
    {"pbs", "PBS_ARRAY_INDEX", "PBS_JOBID", 0},
    {"batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ID", 0},
    {"volcano", "VC_TASK_INDEX", "VC_JOB_NAME", 0},
    {"lsf", "LSB_JOBINDEX", "LSB_JOBID", 1},
    {"sge", "SGE_TASK_ID", "JOB_ID", 1},
};

std::optional<std::int64_t> whole_variable(const GetVariable& variable, const char* name) {
  const char* text = variable(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// LSF sets LSB_JOBINDEX to 0 outside of arrays.
bool is_in_array(const ArrayScheduler& scheduler, const std::optional<std::int64_t>& index) {
  return index && (*index > 0 || scheduler.base == 0);
}

}  // namespace

TaskIndex task_index(const GetVariable& variable, std::optional<std::int64_t> base) {
  for (const ArrayScheduler& scheduler : kArraySchedulers) {
    const auto index = whole_variable(variable, scheduler.index);
    if (!is_in_array(scheduler, index)) continue;
    const std::int64_t first = base.value_or(scheduler.base);
    if (*index >= first) return {*index - first, scheduler.index};
    throw usage_error("--base: " + std::to_string(first) + ": " + scheduler.index + " is " +
                      std::to_string(*index) +
                      ", which is below it; give the first index of the "
                      "scheduler's array");
  }
  throw usage_error(
      "--index: which task of the folder is not said, and no scheduler's variable says it "
      "(SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, PBS_ARRAY_INDEX, ...); tasks count from 0");
}

std::string scheduler_job(const GetVariable& variable) {
  for (const ArrayScheduler& scheduler : kArraySchedulers) {
    const auto index = whole_variable(variable, scheduler.index);
    const char* job = variable(scheduler.job);
    if (!is_in_array(scheduler, index) || job == nullptr) continue;
    return std::string(scheduler.name) + " " + job + "_" + std::to_string(*index);
  }
  const char* job = variable("SLURM_JOB_ID");
  return job == nullptr ? "" : std::string("slurm ") + job;
}

std::int64_t scheduler_restart(const GetVariable& variable) {
  return whole_variable(variable, "SLURM_RESTART_COUNT").value_or(0);
}

}  // namespace isoflop
