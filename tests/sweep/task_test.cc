// One task of an assignment: what it makes of what was begun before, stops, deaths, and others at
// the same trials.
#include "sweep/task.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <signal.h>
#include <sys/wait.h>
#include <thread>

#include "app/task_folder.h"
#include "core/error.h"
#include "db/process.h"
#include "io/attempt_file.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kTaskSteps = 40;

// Trains a number: every step maps it to another, so that the last depends on all of them to the
// bit. Saves it after every `save_every` steps and when it is stopped.
class NumberRunner : public TrialRunner {
 public:
  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    ++runs;
    micro_batches.push_back(context.micro_batch);
    if (before) before(pack.front());
    return {run_one(pack.front(), context)};
  }

  int save_every = 5;
  std::chrono::microseconds step_time{0};
  std::function<void(const Trial&)> before = {};  // may throw
  int runs = 0;
  std::vector<std::int64_t> micro_batches = {};

 private:
  struct State {
    int step = 0;
    double number = 0;
  };

  Outcome run_one(const Trial& trial, RunContext& context) const {
    const std::string file = context.checkpoint_dir + "/" + identity(trial);
    State state{0, 1 / params_of(trial)};
    std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&state), sizeof state);
    const int begun = state.step;
    const auto tokens = [&] { return trial.train.tokens * state.step / kTaskSteps; };
    while (state.step < kTaskSteps) {
      if (context.should_stop(tokens())) {
        save(file, state);
        return {.status = OutcomeStatus::kInterrupted, .reason = "stopped", .tokens = tokens()};
      }
      std::this_thread::sleep_for(step_time);
      state.number = 3.9 * state.number * (1 - state.number);
      ++state.step;
      const CurvePoint point{.step = state.step, .tokens = tokens(), .train_loss = state.number};
      context.record_curve({&point, 1});
      if (state.step % save_every == 0) save(file, state);
    }
    return {.status = OutcomeStatus::kDone,
            .reason = "",
            .evaluations = {{.loss = state.number, .tokens = 1}},
            .steps = state.step,
            .tokens = tokens(),
            .resumed_at = begun};
  }

  static void save(const std::string& file, const State& state) {
    const std::string draft = file + "." + std::to_string(::getpid());
    std::ofstream(draft, std::ios::binary)
        .write(reinterpret_cast<const char*>(&state), sizeof state);
    fs::rename(draft, file);
  }
};

double number_of(const Trial& trial) {
  double number = 1 / params_of(trial);
  for (int step = 0; step < kTaskSteps; ++step) number = 3.9 * number * (1 - number);
  return number;
}

Task task_of(const std::vector<Trial>& trials) {
  Task task;
  for (const Trial& trial : trials) task.trials.push_back({identity(trial), trial, 0, 1});
  return task;
}

class TaskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(options_.checkpoint_dir);
    for (int i = 0; i < 3; ++i) task_.trials.push_back(assigned(1000 + i));
  }
  static AssignedTrial assigned(double params) {
    const Trial trial = tabular_trial(params, 1e6);
    return {.identity = identity(trial), .trial = trial, .seconds = 1};
  }
  TaskReport run() {
    const auto attempts = attempts_in(folder_.file("attempts"));
    return run_task(task_, runner_, *attempts, options_);
  }
  std::vector<ForeignAttempt> attempts(int trial) {
    return attempts_in(folder_.file("attempts"))
        ->of(task_.trials.at(static_cast<std::size_t>(trial)).identity);
  }
  // Somebody's attempt at the trial, as far as `tokens`.
  std::string leave_attempt(int trial, const WorkerId& worker, double tokens = 0,
                            const std::string& job = "", std::int64_t restart = 0) {
    const double now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    AttemptFile file(folder_.file("attempts"),
                     {.identity = task_.trials.at(static_cast<std::size_t>(trial)).identity,
                      .worker = worker,
                      .job = job,
                      .restart = restart,
                      .started = now});
    file.heartbeat(tokens);
    return file.path();
  }
  static WorkerId stranger() { return {.host = "elsewhere", .boot_id = "x", .pid = 1}; }
  static WorkerId dead() {
    WorkerId worker = this_worker();
    worker.pid = 1 << 30;
    return worker;
  }
  void expect_all_done() {
    for (std::size_t i = 0; i < task_.trials.size(); ++i) {
      const auto all = attempts(static_cast<int>(i));
      ASSERT_FALSE(all.empty());
      ASSERT_TRUE(all.back().outcome);
      ASSERT_EQ(all.back().outcome->status, OutcomeStatus::kDone);
      EXPECT_EQ(all.back().outcome->evaluations.at(0).loss, number_of(task_.trials[i].trial));
    }
  }

  TemporaryFolder folder_;
  Task task_;
  NumberRunner runner_;
  TaskOptions options_{.checkpoint_dir = folder_.file("checkpoints")};
};

TEST_F(TaskTest, RunsItsTrialsAndWritesEachDown) {
  options_.job = "slurm 12_3";
  options_.restart = 1;
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kDone);
  EXPECT_EQ(report.done, 3);
  EXPECT_EQ(report.ran, 3);
  EXPECT_EQ(exit_code(report.end), 0);
  expect_all_done();
  const ForeignAttempt attempt = attempts(0).at(0);
  EXPECT_EQ(attempt.curve.size(), static_cast<std::size_t>(kTaskSteps));
  EXPECT_EQ(attempt.worker, this_worker());
  EXPECT_EQ(attempt.job, "slurm 12_3");
  EXPECT_EQ(attempt.restart, 1);
  EXPECT_EQ(attempt.version, program_version());
  EXPECT_TRUE(attempt.final);
}

TEST_F(TaskTest, WhatIsDoneIsNotDoneAgain) {
  run();
  const TaskReport again = run();
  EXPECT_EQ(again.ran, 0);
  EXPECT_EQ(again.done, 3);
  EXPECT_EQ(again.end, TaskEnd::kDone);
  EXPECT_EQ(runner_.runs, 3);
}

TEST_F(TaskTest, AStoppedTaskGoesOnWhereItWas) {
  int asked = 0;
  options_.stop = [&] { return ++asked > 60; };
  const TaskReport stopped = run();
  EXPECT_EQ(stopped.end, TaskEnd::kStopped);
  EXPECT_EQ(exit_code(stopped.end), 99);
  EXPECT_GT(stopped.left, 0);
  EXPECT_THAT(stopped.reason, HasSubstr("stopped"));
  options_.stop = [] { return false; };
  const TaskReport rest = run();
  EXPECT_EQ(rest.end, TaskEnd::kDone);
  EXPECT_EQ(rest.done, 3);
  expect_all_done();
  bool resumed = false;
  for (int i = 0; i < 3; ++i) resumed |= attempts(i).back().outcome->resumed_at > 0;
  EXPECT_TRUE(resumed);
}

TEST_F(TaskTest, StopsInARowWithoutProgressAreBounded) {
  options_.stop = [] { return true; };
  options_.max_fruitless = 3;
  EXPECT_EQ(run().end, TaskEnd::kStopped);
  EXPECT_EQ(run().end, TaskEnd::kStopped);
  const TaskReport stuck = run();
  EXPECT_EQ(stuck.end, TaskEnd::kStuck);
  EXPECT_EQ(exit_code(stuck.end), 1);
  EXPECT_THAT(stuck.reason, HasSubstr("3 times in a row"));
  EXPECT_EQ(runner_.runs, 0);
}

TEST_F(TaskTest, StopsThatAddUpToProgressAreNotBounded) {
  options_.max_fruitless = 3;
  int end_runs = 0;
  for (int start = 0; start < 200; ++start) {
    int asked = 0;
    options_.stop = [&] { return ++asked > 3; };  // a step or two a start
    const TaskReport report = run();
    ASSERT_NE(report.end, TaskEnd::kStuck) << start;
    if (report.end == TaskEnd::kDone) break;
    ++end_runs;
  }
  EXPECT_GT(end_runs, 10);
  expect_all_done();
}

TEST_F(TaskTest, ABugIsTriedOnceMoreAndDoesNotKeepTheOthers) {
  runner_.before = [&](const Trial& trial) {
    if (trial == task_.trials[0].trial) throw std::runtime_error("boom");
  };
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kTroubled);
  EXPECT_EQ(exit_code(report.end), 4);
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(report.done, 2);
  ASSERT_EQ(attempts(0).size(), 2u);
  EXPECT_EQ(attempts(0)[0].outcome->reason, "boom");
  EXPECT_FALSE(attempts(0)[0].final);
  EXPECT_TRUE(attempts(0)[1].final);
  EXPECT_EQ(run().ran, 0) << "failed is failed";
}

TEST_F(TaskTest, ASweepThatIsRetriedForgetsEarlierFailures) {
  runner_.before = [&](const Trial& trial) {
    if (trial == task_.trials[0].trial) throw std::runtime_error("boom");
  };
  ASSERT_EQ(run().failed, 1);
  runner_.before = {};
  options_.assigned = 5;
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kDone);
  EXPECT_EQ(report.ran, 1);
  expect_all_done();
}

TEST_F(TaskTest, OutOfMemoryHalvesTheMicroBatchOfTheWholeTrunk) {
  task_ = task_of({trunk_trial(1e3, 20), trunk_trial(1e3, 40), trunk_trial(2e3, 20)});
  int failures = 0;
  runner_.before = [&](const Trial& trial) {
    if (trial == task_.trials[0].trial && failures++ < 1) throw std::bad_alloc();
  };
  const TaskReport report = run();
  EXPECT_EQ(report.done, 3);
  EXPECT_EQ(runner_.micro_batches, (std::vector<std::int64_t>{0, 2, 2, 0}));
  EXPECT_EQ(attempts(0)[0].micro_batch, 0);
  EXPECT_EQ(attempts(0)[1].micro_batch, 2);
}

TEST_F(TaskTest, OutOfMemoryWithOneSequenceIsTheEnd) {
  runner_.before = [&](const Trial&) { throw std::bad_alloc(); };
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kTroubled);
  EXPECT_EQ(report.out_of_memory, 3);
  EXPECT_EQ(attempts(0).size(), 3u);  // 4 sequences, 2, 1
  EXPECT_TRUE(attempts(0).back().final);
}

TEST_F(TaskTest, ASetbackAsksForAFreshProcess) {
  options_.fresh = true;
  runner_.before = [&](const Trial&) { throw std::bad_alloc(); };
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kFresh);
  EXPECT_EQ(report.ran, 1);
  EXPECT_EQ(exit_code(report.end), 99);
}

TEST_F(TaskTest, AnErrorOfTheRunnerIsPassedOnAndNobodysFault) {
  runner_.before = [&](const Trial&) { throw failure("no device"); };
  EXPECT_THROW(run(), Error);
  ASSERT_EQ(attempts(0).size(), 1u);
  ASSERT_TRUE(attempts(0)[0].outcome);
  EXPECT_EQ(attempts(0)[0].outcome->status, OutcomeStatus::kInterrupted);
  EXPECT_EQ(attempts(0)[0].outcome->reason, "no device");
  runner_.before = {};
  EXPECT_EQ(run().done, 3);
}

TEST_F(TaskTest, DeathsWithoutProgressEndATrialAndProgressForgivesThem) {
  options_.policy.kills = 4;
  for (int i = 0; i < 3; ++i) leave_attempt(0, dead());
  leave_attempt(0, dead(), 5e5);
  for (int i = 0; i < 3; ++i) leave_attempt(0, dead(), 5e5);
  for (int i = 0; i < 4; ++i) leave_attempt(1, dead(), 1000);
  const TaskReport report = run();
  EXPECT_EQ(report.done, 2);
  EXPECT_EQ(report.failed, 1);
  const auto given_up = attempts(1);
  ASSERT_EQ(given_up.size(), 5u);
  EXPECT_TRUE(given_up.back().final);
  EXPECT_THAT(given_up.back().outcome->reason, HasSubstr("killed 4 times in a row"));
}

TEST_F(TaskTest, WhatKilledAProcessComesLast) {
  leave_attempt(0, dead());
  std::vector<double> order;
  runner_.before = [&](const Trial& trial) { order.push_back(trial.tabular_params); };
  run();
  EXPECT_EQ(order, (std::vector<double>{1001, 1002, 1000}));
}

TEST_F(TaskTest, ATrialThatAnotherProcessIsAtIsWaitedForAndNotRunTwice) {
  const std::string path = leave_attempt(0, stranger());
  std::vector<std::string> said;
  options_.say = [&](const std::string& line) { said.push_back(line); };
  options_.silence_seconds = 3;
  std::thread other([&] {
    std::ofstream file(path, std::ios::app);
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      file << "{\"at\":" << std::to_string(2000000000 + i) << ",\"tokens\":10}\n" << std::flush;
    }
    file << R"({"at":2000000009,"end":{"status":"done","reason":"","evaluations":[],"steps":1,)"
         << R"("tokens":1,"seconds":1,"unique_tokens":1,"epochs":1,"flops":1,"resumed_at":0,)"
         << R"("mfu":null,"notes":[]},"final":true})"
         << "\n"
         << std::flush;
  });
  const TaskReport report = run();
  other.join();
  EXPECT_EQ(report.done, 3);
  EXPECT_EQ(report.ran, 2);
  EXPECT_EQ(attempts(0).size(), 1u);
  EXPECT_THAT(said, Contains(HasSubstr("elsewhere")));
}

TEST_F(TaskTest, AProcessThatFallsSilentIsWaitedForOnlySoLong) {
  leave_attempt(0, stranger());
  options_.silence_seconds = 0.3;
  const TaskReport report = run();
  EXPECT_EQ(report.ran, 3);
  expect_all_done();
}

TEST_F(TaskTest, WhoIsKnownToBeGoneIsNotWaitedFor) {
  options_.silence_seconds = 1e6;
  options_.job = "slurm 12_3";
  options_.restart = 2;
  leave_attempt(0, dead());
  leave_attempt(1, stranger(), 0, "slurm 12_3", 1);  // the same job's earlier start, on a lost node
  leave_attempt(2, this_worker());                   // this process, before it started afresh
  EXPECT_EQ(run().ran, 3);
}

TEST_F(TaskTest, WaitingCanBeStopped) {
  task_.trials.resize(1);
  leave_attempt(0, stranger());
  options_.silence_seconds = 1e6;
  int asked = 0;
  options_.stop = [&] { return ++asked > 5; };
  EXPECT_EQ(run().end, TaskEnd::kStopped);
}

// Two processes with the same task, whatever they see of each other: every result is the same.
TEST_F(TaskTest, ADoubleSubmissionIsHarmless) {
  runner_.step_time = std::chrono::microseconds(500);
  options_.silence_seconds = 0.01;  // neither waits for the other
  const pid_t child = ::fork();
  if (child == 0) {
    run();
    ::_exit(0);
  }
  const TaskReport report = run();
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(report.done, 3);
  Store store(folder_.file("runs.db"), StoreMode::kCreate);
  store.add_study("s", "");
  std::vector<PlannedTrial> planned;
  for (const AssignedTrial& trial : task_.trials) planned.push_back({.trial = trial.trial});
  store.add_trials("s", planned);
  for (int i = 0; i < 3; ++i) {
    for (const ForeignAttempt& attempt : attempts(i)) {
      EXPECT_NE(store.import_attempt(attempt), ImportedAs::kConflict);
    }
  }
  EXPECT_EQ(store.status("s").done, 3);
  EXPECT_THAT(store.conflicts("s"), IsEmpty());
}

// The promise: killed again and again, anywhere, and started again, it ends with the same bits.
TEST_F(TaskTest, KilledAndStartedAgainItEndsWithTheSameBits) {
  runner_.step_time = std::chrono::microseconds(300);
  options_.policy.kills = 1000;
  int kills = 0;
  for (unsigned round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      run();
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + 2711 * (round % 7)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) ++kills;
  }
  EXPECT_GT(kills, 3);
  const TaskReport report = run();
  EXPECT_EQ(report.end, TaskEnd::kDone);
  expect_all_done();
}

}  // namespace
}  // namespace isoflop
