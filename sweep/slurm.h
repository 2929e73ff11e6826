// Slurm in words: the batch script of a job array, the commands that submit and ask, and what their
// answers mean. Nothing here starts a process; sweep/submission.h does.
//
// One task of an array runs one task of an assignment (core/assignment.h):
//   index = FIRST (the script's argument) + SLURM_ARRAY_TASK_ID
// so that one script serves all arrays of a sweep that is cut at the site's MaxArraySize.
//
// The end of a task's time. Slurm sends the warning signal at any time from T + 60 s to a few
// seconds before the end (sbatch --signal; measured with 22.05, docs/cluster.md), so that a
// trial has to be able to save itself by (limit - T - 60 s). `isoflop sweep task` saves, and ends
// with 99: start me again. Who does that:
//
//   RequeueExit has 99   Slurm. The script execs the program, which so gets the signals itself
//   else                 the script: it passes the warning on and asks `scontrol requeue` for
//                        itself, by ARRAY_TASK: by the array's id all its tasks would be requeued.
//                        Not after TERM, with which Slurm itself ends a job (scancel, preemption)
//
// Starting again and again is bounded by the program, which ends with 1 when it is not getting
// further (sweep/task.h).
#ifndef ISOFLOP_SWEEP_SLURM_H_
#define ISOFLOP_SWEEP_SLURM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/timed_command.h"

namespace isoflop {

// What `scontrol show config` says.
struct SlurmSite {
  std::string version = {};
  std::int64_t max_array_size = 1001;  // indices are below it
  bool requeues_99 = false;            // RequeueExit has 99
  bool may_requeue = true;             // JobRequeue; --requeue asks for it otherwise
};

// Throws Error(kFailed) where the text has no MaxArraySize, or where it is 0 (no arrays).
SlurmSite parse_slurm_config(std::string_view text);

struct SlurmJob {
  std::string name = {};    // as squeue shows it
  std::string folder = {};  // of the assignment, as the nodes see it
  std::string logs = {};    // folder of the tasks' logs; must be there when they start
  std::string program = {};
  std::string partition = {};  // empty: the site's default, as the next three
  std::string account = {};
  std::string time = {};  // as sbatch reads it
  std::string mem = {};
  std::vector<std::string> extra = {};  // further options of sbatch, verbatim
  int cpus = 1;
  int signal_seconds = 120;  // T above
};

// Throws Error(kUsage) for names that sbatch would not read back (quotes, backslashes, newlines).
std::string slurm_script(const SlurmJob& job, const SlurmSite& site);

// Tasks first, first + 1, ..., of an assignment: one array.
struct TaskRange {
  std::int64_t first = 0;
  std::int64_t count = 0;

  bool operator==(const TaskRange&) const = default;
};
std::vector<TaskRange> array_ranges(std::int64_t tasks, std::int64_t max_array_size);

// `name`: of this array's job. `at_once` > 0: so many of its tasks run at the same time.
std::vector<std::string> sbatch_command(const std::string& script, const std::string& name,
                                        const TaskRange& range, std::int64_t at_once);
// The job's number in what `sbatch --parsable` said; empty: none.
std::optional<std::int64_t> parse_job_id(std::string_view sbatch_out);

enum class JobLife { kAlive, kGone, kUnknown };

// Whether a job has tasks that run, wait or may still be requeued. kUnknown: Slurm does not answer.
std::vector<std::string> squeue_command(std::int64_t job_id);
JobLife parse_job_life(const CommandResult& squeue);

// Numbers of the jobs of that name, ended ones included as long as Slurm knows them.
std::vector<std::string> squeue_by_name_command(const std::string& name);
std::optional<std::vector<std::int64_t>> parse_job_ids(const CommandResult& squeue);

// Seconds of a time limit: "90", "1:30:00", "2-12", "UNLIMITED" (empty) ... Throws Error(kUsage).
std::optional<double> parse_slurm_time(const std::string& text);

// For a POSIX shell.
std::string shell_word(const std::string& text);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_SLURM_H_
