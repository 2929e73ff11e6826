#include "sweep/task.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/schedule.h"
#include "core/stopwatch.h"
#include "db/process.h"

namespace isoflop {
namespace {

using TrialState = TrialStanding::State;

constexpr double kPollSeconds = 2;

double task_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool has_finite_losses(const Outcome& outcome) {
  return std::all_of(outcome.evaluations.begin(), outcome.evaluations.end(),
                     [](const Evaluation& e) { return std::isfinite(e.loss); });
}

// Counts what attempts did, oldest first.
class StandingCounter {
 public:
  StandingCounter(const AssignedTrial& trial, const RetryPolicy& policy, double assigned)
      : trial_(trial), policy_(policy), assigned_(assigned) {
    standing_.micro_batch = trial.micro_batch;
  }

  void add(const ForeignAttempt& attempt) {
    if (standing_.state == TrialState::kDone) return;
    // Both moments are of the clock of the host that assigned.
    const bool counts = attempt.assigned >= assigned_;
    if (attempt.outcome && attempt.outcome->status == OutcomeStatus::kDone) {
      if (has_finite_losses(*attempt.outcome)) standing_.state = TrialState::kDone;
      if (!has_finite_losses(*attempt.outcome) && counts) standing_.state = TrialState::kDiverged;
    } else if (counts) {
      add_setback(attempt);
    }
    standing_.furthest = std::max(standing_.furthest, attempt.tokens_done);
  }

  TrialStanding result() const { return standing_; }

 private:
  void add_setback(const ForeignAttempt& attempt) {
    if (!attempt.outcome) return add_streak(attempt, true);
    switch (attempt.outcome->status) {
      case OutcomeStatus::kDiverged:
        standing_.state = TrialState::kDiverged;
        break;
      case OutcomeStatus::kOutOfMemory:
        add_out_of_memory(attempt);
        break;
      case OutcomeStatus::kFailed:
        if (++standing_.failures > policy_.bugs || attempt.final) {
          standing_.state = TrialState::kFailed;
        }
        break;
      default:
        add_streak(attempt, false);
    }
  }

  void add_out_of_memory(const ForeignAttempt& attempt) {
    const std::int64_t half = halved_micro_batch(attempt.micro_batch, trial_.trial);
    if (half == 0 || attempt.final) {
      standing_.state = TrialState::kOutOfMemory;
    } else if (standing_.micro_batch == 0 || half < standing_.micro_batch) {
      standing_.micro_batch = half;
    }
  }

  // Starts that ended before the trial did. What several of them add up to is progress too.
  void add_streak(const ForeignAttempt& attempt, bool died) {
    if (attempt.tokens_done > begun_ + 0.01 * trial_.trial.train.tokens) {
      begun_ = attempt.tokens_done;
      standing_.fruitless = standing_.deaths = 0;
      standing_.given_up = false;
      return;
    }
    ++standing_.fruitless;
    if (died) ++standing_.deaths;
    standing_.given_up = policy_.kills > 0 && standing_.deaths >= policy_.kills;
  }

  const AssignedTrial& trial_;
  const RetryPolicy& policy_;
  double assigned_;
  TrialStanding standing_;
  double begun_ = 0;  // tokens at which the streak began
};

// How long an attempt of somebody else has been silent, by what this process saw of it: the clocks
// of two hosts may differ.
class Silence {
 public:
  double seconds(const ForeignAttempt& attempt) {
    const auto [seen, is_new] = seen_.try_emplace(attempt.origin);
    Seen& last = seen->second;
    if (is_new) {
      last.age = std::max(0.0, task_clock() - attempt.heartbeat);
    } else if (attempt.heartbeat != last.heartbeat) {
      last.age = 0;
      last.since.restart();
    }
    last.heartbeat = attempt.heartbeat;
    return last.age + last.since.seconds();
  }

 private:
  struct Seen {
    double heartbeat = 0;
    double age = 0;  // when `since` began
    Stopwatch since = {};
  };
  std::map<std::string, Seen> seen_;
};

class TaskRun {
 public:
  TaskRun(const Task& task, TrialRunner& runner, TaskAttempts& attempts, const TaskOptions& options)
      : task_(task),
        runner_(runner),
        attempts_(attempts),
        options_(options),
        self_(this_worker(options.device)) {}

  TaskReport run();

 private:
  enum class Did { kEnded, kAttempt, kBusy, kStopped };

  Did work_on(const AssignedTrial& trial);
  void make_attempt(const AssignedTrial& trial, const TrialStanding& standing);
  Outcome run_one(const Claim& claim, TaskAttempt& log);
  void give_up(const AssignedTrial& trial, const TrialStanding& standing);
  void note_stop(const AssignedTrial& trial);
  std::unique_ptr<TaskAttempt> begin(const AssignedTrial& trial, std::int64_t micro_batch);
  bool is_gone(const ForeignAttempt& attempt);
  const ForeignAttempt* somebody(const std::vector<ForeignAttempt>& attempts);
  TrialStanding standing(const AssignedTrial& trial);
  std::int64_t micro_batch(const AssignedTrial& trial, const TrialStanding& standing);
  std::vector<const AssignedTrial*> pass(const std::vector<const AssignedTrial*>& trials);
  std::vector<const AssignedTrial*> in_order();
  void stop_with(const AssignedTrial& trial);
  void count();
  void pause() const;

  const Task& task_;
  TrialRunner& runner_;
  TaskAttempts& attempts_;
  const TaskOptions& options_;
  const WorkerId self_;
  Silence silence_;
  std::set<std::string> said_ = {};  // origins of the attempts that were put off to
  TaskReport report_;
  bool over_ = false;  // before the end of its trials
};

TrialStanding TaskRun::standing(const AssignedTrial& trial) {
  return standing_of(trial, attempts_.of(trial.identity), options_.policy, options_.assigned);
}

// Trials of a trunk go on from each other only with the same micro-batch, and would run out of
// memory alike.
std::int64_t TaskRun::micro_batch(const AssignedTrial& trial, const TrialStanding& standing) {
  std::int64_t least = standing.micro_batch;
  const std::string trunk = trunk_identity(trial.trial);
  if (trunk.empty()) return least;
  for (const AssignedTrial& mate : task_.trials) {
    if (trunk_identity(mate.trial) != trunk || &mate == &trial) continue;
    const std::int64_t its = this->standing(mate).micro_batch;
    if (its > 0 && (least == 0 || its < least)) least = its;
  }
  return least;
}

bool TaskRun::is_gone(const ForeignAttempt& attempt) {
  if (attempt.outcome || attempt.worker == self_) return true;
  if (liveness_of(attempt.worker, self_) == Liveness::kDead) return true;
  const bool same_job = !options_.job.empty() && attempt.job == options_.job;
  if (same_job && attempt.restart < options_.restart) return true;
  return silence_.seconds(attempt) > options_.silence_seconds;
}

const ForeignAttempt* TaskRun::somebody(const std::vector<ForeignAttempt>& attempts) {
  for (const ForeignAttempt& attempt : attempts) {
    if (!is_gone(attempt)) return &attempt;
  }
  return nullptr;
}

std::unique_ptr<TaskAttempt> TaskRun::begin(const AssignedTrial& trial, std::int64_t micro_batch) {
  ++report_.ran;
  return attempts_.begin({.identity = trial.identity,
                          .worker = self_,
                          .job = options_.job,
                          .restart = options_.restart,
                          .assigned = options_.assigned,
                          .version = program_version(),
                          .compiler = compiler_name(),
                          .micro_batch = micro_batch,
                          .started = task_clock()});
}

// An Error would fail every trial alike; it is not this one's.
Outcome TaskRun::run_one(const Claim& claim, TaskAttempt& log) {
  try {
    return run_attempt(runner_, claim, log,
                       {.device = options_.device,
                        .corpus_dir = options_.corpus_dir,
                        .stop = options_.stop,
                        .note = options_.say,
                        .checkpoint_dir = options_.checkpoint_dir,
                        .checkpoint_seconds = options_.checkpoint_seconds,
                        .peak_flops = options_.peak_flops,
                        .heartbeat_seconds = options_.heartbeat_seconds});
  } catch (const Error& error) {
    try {
      log.end({.status = OutcomeStatus::kInterrupted, .reason = error.what()}, false);
    } catch (const Error&) {
      // The first error says more; without its end the attempt counts as cut short.
    }
    throw;
  }
}

void TaskRun::make_attempt(const AssignedTrial& trial, const TrialStanding& standing) {
  const std::int64_t sequences = micro_batch(trial, standing);
  const auto log = begin(trial, sequences);
  const Outcome outcome =
      run_one({.identity = trial.identity, .trial = trial.trial, .micro_batch = sequences}, *log);
  std::vector<ForeignAttempt> all = attempts_.of(trial.identity);
  all.push_back({.identity = trial.identity,
                 .assigned = options_.assigned,
                 .micro_batch = sequences,
                 .started = task_clock(),
                 .tokens_done = outcome.tokens,
                 .outcome = outcome});
  const TrialState after = standing_of(trial, all, options_.policy, options_.assigned).state;
  log->end(outcome, after != TrialState::kOpen);
  if (outcome.status == OutcomeStatus::kDone) {
    runner_.forget(trial.trial, options_.checkpoint_dir);
  }
  if (outcome.status == OutcomeStatus::kInterrupted) return stop_with(trial);
  const bool setback =
      outcome.status == OutcomeStatus::kFailed || outcome.status == OutcomeStatus::kOutOfMemory;
  if (setback && options_.fresh) {
    over_ = true;
    report_.end = TaskEnd::kFresh;
  }
}

void TaskRun::give_up(const AssignedTrial& trial, const TrialStanding& standing) {
  Outcome outcome{.status = OutcomeStatus::kFailed,
                  .reason = "its process was killed " + std::to_string(standing.deaths) +
                            " times in a row without progress, by the kernel or the scheduler if "
                            "memory ran out"};
  options_.say("trial " + trial.identity.substr(0, 12) + ": given up: " + outcome.reason);
  begin(trial, standing.micro_batch)->end(outcome, true);
}

// A stop that comes before any trial has begun is a start without progress as well.
void TaskRun::note_stop(const AssignedTrial& trial) {
  if (report_.ran == 0) {
    begin(trial, 0)->end(
        {.status = OutcomeStatus::kInterrupted, .reason = "stopped before it began"}, false);
  }
  stop_with(trial);
}

void TaskRun::stop_with(const AssignedTrial& trial) {
  over_ = true;
  const int fruitless = standing(trial).fruitless;
  const bool stuck = fruitless >= options_.max_fruitless;
  report_.end = stuck ? TaskEnd::kStuck : TaskEnd::kStopped;
  const std::string name = "trial " + trial.identity.substr(0, 12);
  report_.reason =
      stuck
          ? name + ": was stopped " + std::to_string(fruitless) +
                " times in a row before it came 1 % further; give the task more time, or let it "
                "write checkpoints more often, and submit it again: nothing that was saved is lost"
          : name + ": stopped; what was saved is gone on from when the task is started again";
}

TaskRun::Did TaskRun::work_on(const AssignedTrial& trial) {
  const std::vector<ForeignAttempt> attempts = attempts_.of(trial.identity);
  const TrialStanding now = standing_of(trial, attempts, options_.policy, options_.assigned);
  if (now.state != TrialState::kOpen) return Did::kEnded;
  if (options_.stop()) {
    note_stop(trial);
    return Did::kStopped;
  }
  if (const ForeignAttempt* other = somebody(attempts)) {
    if (said_.insert(other->origin).second) {
      options_.say("trial " + trial.identity.substr(0, 12) + ": another process (" +
                   other->worker.host + ", " + std::to_string(other->worker.pid) +
                   ") seems to be at it: put off");
    }
    return Did::kBusy;
  }
  if (now.given_up) {
    give_up(trial, now);
  } else {
    make_attempt(trial, now);
  }
  return over_ ? Did::kStopped : Did::kAttempt;
}

// Works on each until it has ended; returns those that others are at.
std::vector<const AssignedTrial*> TaskRun::pass(const std::vector<const AssignedTrial*>& trials) {
  std::vector<const AssignedTrial*> busy;
  for (const AssignedTrial* trial : trials) {
    Did did = Did::kAttempt;
    while (did == Did::kAttempt) did = work_on(*trial);
    if (did == Did::kStopped) break;
    if (did == Did::kBusy) busy.push_back(trial);
  }
  return busy;
}

void TaskRun::pause() const {
  const double seconds = std::min(kPollSeconds, options_.silence_seconds / 4);
  const Stopwatch watch;
  while (watch.seconds() < seconds && !options_.stop()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void TaskRun::count() {
  for (const AssignedTrial& trial : task_.trials) {
    switch (standing(trial).state) {
      case TrialState::kDone:
        ++report_.done;
        break;
      case TrialState::kDiverged:
        ++report_.diverged;
        break;
      case TrialState::kFailed:
        ++report_.failed;
        break;
      case TrialState::kOutOfMemory:
        ++report_.out_of_memory;
        break;
      case TrialState::kOpen:
        ++report_.left;
    }
  }
}

// Those whose processes died come last: what kills a process must not keep the others from it.
std::vector<const AssignedTrial*> TaskRun::in_order() {
  std::vector<const AssignedTrial*> safe, deadly;
  for (const AssignedTrial& trial : task_.trials) {
    (standing(trial).deaths > 0 ? deadly : safe).push_back(&trial);
  }
  safe.insert(safe.end(), deadly.begin(), deadly.end());
  return safe;
}

TaskReport TaskRun::run() {
  std::vector<const AssignedTrial*> open = in_order();
  open = pass(open);
  while (!over_ && !open.empty()) {
    pause();
    open = pass(open);
  }
  count();
  if (!over_ && report_.failed + report_.out_of_memory > 0) report_.end = TaskEnd::kTroubled;
  return report_;
}

}  // namespace

TrialStanding standing_of(const AssignedTrial& trial, const std::vector<ForeignAttempt>& attempts,
                          const RetryPolicy& policy, double assigned) {
  StandingCounter counter(trial, policy, assigned);
  for (const ForeignAttempt& attempt : attempts) {
    if (attempt.identity == trial.identity) counter.add(attempt);
  }
  return counter.result();
}

TaskReport run_task(const Task& task, TrialRunner& runner, TaskAttempts& attempts,
                    const TaskOptions& options) {
  return TaskRun(task, runner, attempts, options).run();
}

int exit_code(TaskEnd end) {
  switch (end) {
    case TaskEnd::kDone:
      return 0;
    case TaskEnd::kTroubled:
      return 4;
    case TaskEnd::kStopped:
    case TaskEnd::kFresh:
      return 99;
    case TaskEnd::kStuck:
      break;
  }
  return 1;
}

}  // namespace isoflop
