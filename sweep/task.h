// One task of an assignment (core/assignment.h): its trials one after the other in this process,
// with nothing to ask but the attempt files in a folder that its hosts share.
//
// What was done before is read from there, so that a task that was preempted, killed or submitted
// again goes on where it was: trials with an end are passed over, the others tried again as
// core/retry_policy.h says.
//
//   done, diverged      never again
//   out of memory       with half the micro-batch, for its trunk's other trials too
//   failed              policy.bugs times more
//   interrupted         always
//   cut short           always, but policy.kills in a row that together come less than 1 % of the
//                       trial's tokens further end it as failed
//
// Two processes with the same task (a double submission, a requeue while a lost node's process
// lives on) are harmless, since results are deterministic and each process writes files of its own,
// but wasteful. So a trial that another process seems to be at is put off to the end of the task,
// and waited for until that process ends it or has written nothing for `silence_seconds`. A process
// is not waited for when it is known to be gone: dead on this host, or of an earlier start of the
// same job. This is a courtesy and no lock: file systems that hosts share have none to rely on.
//
// Stopping (options.stop): the trial ends interrupted with its checkpoint, and the task is to be
// started again (kStopped). So that a scheduler does not do that for ever, `max_fruitless` starts
// in a row that together come less than 1 % further are kStuck, with the reason.
#ifndef ISOFLOP_SWEEP_TASK_H_
#define ISOFLOP_SWEEP_TASK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/assignment.h"
#include "core/foreign_attempt.h"
#include "core/trial_runner.h"
#include "sweep/attempt.h"

namespace isoflop {

// An attempt that is being made.
class TaskAttempt : public AttemptLog {
 public:
  // `final`: the trial will not be tried again.
  virtual void end(const Outcome& outcome, bool final) = 0;
};

// Where attempts are written and found; app/task_folder.h has the folder of files.
class TaskAttempts {
 public:
  virtual ~TaskAttempts() = default;
  // All of the trial's so far, anybody's, in the order of their starts. Curves may be left out.
  virtual std::vector<ForeignAttempt> of(const std::string& identity) = 0;
  virtual std::unique_ptr<TaskAttempt> begin(const ForeignAttempt& header) = 0;
};

struct TaskOptions {
  RetryPolicy policy = {};
  double assigned = 0;       // Assignment::written; setbacks under earlier ones do not count
  std::string job = {};      // the scheduler's name for this task, "slurm 1234_5"; empty: none
  std::int64_t restart = 0;  // how often the scheduler has started it before
  std::string device = "cpu";
  std::function<std::string(const Trial&)> corpus_dir = [](const Trial&) { return std::string(); };
  std::string checkpoint_dir = {};
  double checkpoint_seconds = 300;
  double peak_flops = 0;
  std::function<bool()> stop = [] { return false; };
  std::function<void(const std::string&)> say = [](const std::string&) {};
  double heartbeat_seconds = 10;  // between two lines of a trial that has nothing else to say
  double silence_seconds = 300;
  int max_fruitless = 5;
  // Return kFresh after a trial that failed or ran out of memory, instead of going on in a process
  // whose memory it has left in whatever state.
  bool fresh = false;
};

enum class TaskEnd {
  kDone,      // every trial has a result (done or diverged)
  kTroubled,  // every trial has ended, some failed or out of memory
  kStopped,   // stopped with work left: start it again
  kFresh,     // a trial failed or ran out of memory: go on in a fresh process (options.fresh)
  kStuck,     // stopped too often without progress: starting it again will not help
};

struct TaskReport {
  TaskEnd end = TaskEnd::kDone;
  std::string reason = {};  // for a person, when stopped or stuck
  // The task's trials by state, whoever ran them.
  std::int64_t done = 0;
  std::int64_t diverged = 0;
  std::int64_t failed = 0;
  std::int64_t out_of_memory = 0;
  std::int64_t left = 0;  // neither
  std::int64_t ran = 0;   // attempts made by this call
};

// Errors: what the runner throws would fail every trial alike, so its attempt is ended as
// interrupted and the exception passed on.
TaskReport run_task(const Task& task, TrialRunner& runner, TaskAttempts& attempts,
                    const TaskOptions& options = {});

// What the attempts made so far mean for the trial, and what a further one is given.
struct TrialStanding {
  enum class State { kOpen, kDone, kDiverged, kFailed, kOutOfMemory };
  State state = State::kOpen;
  bool given_up = false;  // too many deaths without progress, and no attempt says so yet
  std::int64_t failures = 0;
  std::int64_t micro_batch = 0;
  int fruitless = 0;    // starts in a row that together came less than 1 % further
  int deaths = 0;       // those of them that were cut short
  double furthest = 0;  // tokens
};
TrialStanding standing_of(const AssignedTrial& trial, const std::vector<ForeignAttempt>& attempts,
                          const RetryPolicy& policy, double assigned = 0);

// Exit codes of `isoflop sweep task`: 0, 4, 99 (start me again), 1.
int exit_code(TaskEnd end);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_TASK_H_
