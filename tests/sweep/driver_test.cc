// The driver with real workers, which are really killed.
#include "sweep/driver.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/error.h"
#include "core/hash.h"
#include "sweep/worker_process.h"
#include "tests/faults/private_disk.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/processes.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

SweepOptions options_for(const TestSweep& sweep, const std::string& manner = "well",
                         int step_us = 200) {
  SweepOptions options;
  options.db = sweep.path();
  options.study = "s";
  options.workers = 2;
  options.worker_command = {TINY_SWEEP, "worker", sweep.path(), std::to_string(step_us), manner};
  return options;
}

pid_t start_driver(const TestSweep& sweep, int step_us) {
  return start_tiny_driver(sweep.path(), 2, step_us, "well");
}

// Every trial done, once, with the loss that an undisturbed run gives.
void expect_complete(const TestSweep& sweep, int trials) {
  const SweepStatus status = sweep.status();
  EXPECT_EQ(status.done, trials);
  EXPECT_EQ(status.trials(), trials);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'running'"), "0");
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'done'"),
            std::to_string(trials));
  EXPECT_EQ(sweep.ask("SELECT count(DISTINCT trial) FROM attempts WHERE outcome = 'done'"),
            std::to_string(trials));
  EXPECT_EQ(sweep.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM queue"), "0");
  const Store store(sweep.path(), StoreMode::kReadOnly);
  for (const TrialRow& row : sweep.trials()) {
    ASSERT_TRUE(row.loss);
    EXPECT_EQ(*row.loss, fake_loss(row.trial));
    EXPECT_EQ(store.curve(row.id).size(), static_cast<size_t>(kFakeSteps));
  }
}

TEST(DriverTest, RunsAStudyToItsEndAndReportsTheLastState) {
  const TestSweep sweep(20);
  SweepOptions options = options_for(sweep);
  SweepStatus last;
  options.progress = [&](const SweepStatus& status, auto) { last = status; };
  const SweepSummary summary = run_sweep(options);
  EXPECT_EQ(summary.status.done, 20);
  EXPECT_EQ(summary.restarts, 0);
  EXPECT_FALSE(summary.interrupted);
  EXPECT_EQ(last.done, 20);
  EXPECT_DOUBLE_EQ(last.flops_done, last.flops_total);
  expect_complete(sweep, 20);
}

TEST(DriverTest, WorkersHaveOneThreadAndOneCore) {
  const TestSweep sweep(2);
  run_sweep(options_for(sweep));
  EXPECT_EQ(last_lines(sweep.path() + ".logs/worker-0.log", 1), "cores 1 threads 1\n");
}

TEST(DriverTest, AStudyThatIsDoneStartsNoWorker) {
  const TestSweep sweep(2);
  run_sweep(options_for(sweep));
  SweepOptions options = options_for(sweep);
  options.worker_command = {"/no/such/program"};
  EXPECT_EQ(run_sweep(options).status.done, 2);
}

TEST(DriverTest, AStopPlansRunningTrialsAgainAndTheNextRunEndsThem) {
  const TestSweep sweep(20);
  SweepOptions options = options_for(sweep, "well", 2000);
  options.stop_count = [&] { return sweep.status().done >= 2 ? 1 : 0; };
  const SweepSummary summary = run_sweep(options);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.status.running, 0);
  EXPECT_GT(summary.status.planned, 0);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'"), "0")
      << "workers were asked, not killed";
  EXPECT_FALSE(run_sweep(options_for(sweep)).interrupted);
  expect_complete(sweep, 20);
}

TEST(DriverTest, ASecondStopEndsWorkersThatDoNotListen) {
  const TestSweep sweep(4);
  SweepOptions options = options_for(sweep, "stubborn", 10'000'000);
  int asked = 0;
  options.stop_count = [&] {
    if (sweep.status().running < 2) return 0;
    return ++asked < 3 ? 1 : 2;
  };
  const SweepSummary summary = run_sweep(options);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.status.planned, 4);
  EXPECT_LT(summary.seconds, 10);
}

TEST(DriverTest, AWorkerThatFailsIsShownWithTheEndOfItsLog) {
  const TestSweep sweep(4);
  try {
    run_sweep(options_for(sweep, "broken"));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("status 3"));
    EXPECT_THAT(error.what(), HasSubstr("no such device"));
  }
  EXPECT_EQ(sweep.status().planned, 4);
}

TEST(DriverTest, AProgramThatCannotBeStartedIsNamed) {
  const TestSweep sweep(4);
  SweepOptions options = options_for(sweep);
  options.worker_command = {"/no/such/program"};
  try {
    run_sweep(options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/no/such/program: cannot be started"));
  }
}

TEST(DriverTest, WorkersThatDoNothingAreNotStartedForEver) {
  const TestSweep sweep(4);
  EXPECT_THROW(run_sweep(options_for(sweep, "lazy")), Error);
}

TEST(DriverTest, WorkersThatCrashBeforeTheyHaveATrialAreNotStartedForEver) {
  const TestSweep sweep(4);
  SweepOptions options = options_for(sweep);
  options.worker_command = {"sh", "-c", "echo built for another machine; kill -ILL $$"};
  try {
    run_sweep(options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("built for another machine"));
  }
  EXPECT_EQ(sweep.status().planned, 4);
}

// --- What a worker's death says of its trial.

// Six trials, and a dearest one that has a manner of its own (tiny_sweep.cc).
class DearestTrialTest : public ::testing::Test {
 protected:
  DearestTrialTest() {
    Store store(sweep_.path());
    const std::vector<PlannedTrial> dearest{{.trial = tabular_trial(2e6, 1e6)}};
    store.add_trials("s", dearest);
  }

  SweepSummary run(const std::string& manner) {
    SweepOptions options = options_for(sweep_, manner);
    options.policy = policy_;
    options.note = [this](const std::string& note) { notes_.push_back(note); };
    options.oom_kills = [this] { return oom_kills_(); };
    return run_sweep(options);
  }
  std::string of_dearest(const std::string& what) const {
    return sweep_.ask("SELECT group_concat(" + what +
                      ") FROM attempts a JOIN trials t ON t.id = a.trial WHERE t.params >= 1e6");
  }

  const TestSweep sweep_{6};
  RetryPolicy policy_;
  std::vector<std::string> notes_;
  std::function<std::int64_t()> oom_kills_ = [] { return 0; };
};

TEST_F(DearestTrialTest, FailsAloneAndSaysSoWhenItsWorkersAreKilledInARowWithoutProgress) {
  policy_.kills = 3;
  const SweepSummary summary = run("deadly");
  EXPECT_EQ(summary.status.done, 6);
  EXPECT_EQ(summary.status.failed, 1);
  EXPECT_EQ(of_dearest("a.outcome"), "killed,killed,killed");
  EXPECT_THAT(of_dearest("a.reason"), HasSubstr("killed 3 times"));
  EXPECT_GE(summary.restarts, 2);
}

TEST_F(DearestTrialTest, IsTriedOnceMoreAfterACrashAndShownAtOnce) {
  const SweepSummary summary = run("crashing");
  EXPECT_EQ(summary.status.done, 6);
  EXPECT_EQ(summary.status.failed, 1);
  EXPECT_EQ(of_dearest("a.outcome"), "failed,failed");
  EXPECT_THAT(of_dearest("a.reason"), HasSubstr("crashed: signal 6 (Aborted)"));
  EXPECT_THAT(of_dearest("a.log"), HasSubstr("heap corrupted")) << "the log's end is kept";
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_THAT(notes_[0], AllOf(HasSubstr("crashed: signal 6"), HasSubstr("heap corrupted"),
                               HasSubstr("worker-"), HasSubstr(sweep_.path() + ".logs"),
                               HasSubstr("N 2.00M, D 1.00M")));
}

TEST_F(DearestTrialTest, IsTriedOnceMoreAfterAnExceptionAndShownAtOnce) {
  const SweepSummary summary = run("buggy");
  EXPECT_EQ(summary.status.done, 6);
  EXPECT_EQ(summary.status.failed, 1);
  EXPECT_EQ(of_dearest("a.outcome"), "failed,failed");
  EXPECT_EQ(of_dearest("a.reason"), "index 7 is out of range,index 7 is out of range");
  EXPECT_THAT(of_dearest("a.log"), HasSubstr("backtrace"));
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_THAT(notes_[0], HasSubstr("failed: index 7 is out of range"));
}

TEST_F(DearestTrialTest, IsDoneWhenTheSecondTryWorks) {
  const SweepSummary summary = run("once");
  EXPECT_EQ(summary.status.done, 7);
  EXPECT_EQ(summary.status.in_trouble(), 0);
  EXPECT_EQ(of_dearest("a.outcome"), "failed,done");
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_THAT(notes_[0], HasSubstr("a hiccup"));
}

TEST_F(DearestTrialTest, GetsHalfTheMicroBatchWhereItFindsNoMemory) {
  const SweepSummary summary = run("hungry");
  EXPECT_EQ(summary.status.done, 7);
  EXPECT_EQ(of_dearest("a.outcome"), "out_of_memory,done");
  EXPECT_EQ(of_dearest("a.micro_batch"), "0,2");
}

TEST_F(DearestTrialTest, GetsHalfTheMicroBatchWhereTheKernelKillsItsWorkerForMemory) {
  oom_kills_ = [this] {
    return static_cast<std::int64_t>(file_bytes(sweep_.path() + ".oom") / sizeof("oom_kill"));
  };
  policy_.kills = 1;  // such a death is not counted as a kill
  const SweepSummary summary = run("greedy");
  EXPECT_EQ(summary.status.done, 7);
  EXPECT_EQ(of_dearest("a.outcome"), "out_of_memory,out_of_memory,done");
  EXPECT_EQ(of_dearest("a.micro_batch"), "0,2,1");
  EXPECT_THAT(of_dearest("a.reason"), HasSubstr("killed by the kernel when memory ran out"));
}

TEST_F(DearestTrialTest, IsOutOfMemoryWhenOneSequenceIsTooMuch) {
  std::int64_t kills = 0;
  oom_kills_ = [&] { return ++kills; };  // somebody is killed all the time
  const SweepSummary summary = run("deadly");
  EXPECT_EQ(summary.status.done, 6);
  EXPECT_EQ(summary.status.out_of_memory, 1);
  EXPECT_EQ(of_dearest("a.micro_batch"), "0,2,1");
}

TEST(DriverTest, OnlyTheFirstFailuresAreShown) {
  std::vector<PlannedTrial> trials;
  for (int i = 0; i < 5; ++i) trials.push_back({.trial = tabular_trial(2e6 + i, 1e6)});
  const TestSweep sweep(trials);
  SweepOptions options = options_for(sweep, "buggy");
  std::vector<std::string> notes;
  options.note = [&](const std::string& note) { notes.push_back(note); };
  EXPECT_EQ(run_sweep(options).status.failed, 5);
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_THAT(notes[3], HasSubstr("isoflop sweep export"));
}

TEST(DriverTest, TrialsThatAreLeasedElsewhereStartNoWorker) {
  const TestSweep sweep(2);
  Store store(sweep.path());
  const std::vector<std::int64_t> ids{1, 2};
  ASSERT_EQ(store.lease_out("s", ids, "slurm 7").size(), 2u);
  SweepOptions options = options_for(sweep);
  options.worker_command = {"/no/such/program"};
  const SweepSummary summary = run_sweep(options);
  EXPECT_EQ(summary.status.leased, 2);
  EXPECT_FALSE(summary.interrupted);
}

TEST(DriverTest, TrialsThatAreAddedWhileItRunsAreRun) {
  const TestSweep sweep(2);
  SweepOptions options = options_for(sweep);
  options.progress_seconds = 0.01;
  int batches = 0;
  options.progress = [&](const SweepStatus& status, auto) {
    if (status.planned + status.running > 0 || batches == 3) return;
    ++batches;
    Store store(sweep.path());
    const std::vector<PlannedTrial> more{{.trial = tabular_trial(5000 + batches, 1e6)}};
    store.add_trials("s", more);
  };
  EXPECT_EQ(run_sweep(options).status.done, 5);
  EXPECT_EQ(batches, 3);
}

// --- Stacks: workers that train four seeds at a time.

TEST(DriverTest, AWorkerKilledInTheMiddleOfAStackLeavesEveryTrialToBeDoneOnce) {
  std::vector<PlannedTrial> trials;
  for (std::int64_t seed = 1; seed <= 16; ++seed) {
    trials.push_back({.trial = tabular_trial(1000, 1e6, seed)});
  }
  const TestSweep sweep(trials);
  SweepOptions options = options_for(sweep, "stacked", 5000);
  int kills = 0;
  std::string killed;
  options.progress = [&](const SweepStatus& status, auto) {
    if (kills >= 3 || status.running < 4) return;
    const std::string pid = sweep.ask(
        "SELECT pid FROM attempts WHERE outcome = 'running' GROUP BY pid HAVING count(*) > 1"
        " UNION ALL SELECT '' LIMIT 1");
    if (pid.empty() || pid == killed) return;
    killed = pid;
    if (::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL) == 0) ++kills;
  };
  options.progress_seconds = 0.02;
  const SweepSummary summary = run_sweep(options);
  EXPECT_EQ(kills, 3);
  EXPECT_GE(summary.restarts, 3);
  expect_complete(sweep, 16);
  EXPECT_GT(std::stoi(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'")), 3)
      << "several at once";
}

// --- Stops.

TEST(DriverTest, WorkersThatDoNotListenAreKilledAfterTheGraceAndTheUserIsTold) {
  const TestSweep sweep(4);
  SweepOptions options = options_for(sweep, "stubborn", 10'000'000);
  options.grace_seconds = 0.3;
  options.stop_count = [&] { return sweep.status().running < 2 ? 0 : 1; };
  std::string told;
  options.note = [&](const std::string& note) { told += note + "\n"; };
  const SweepSummary summary = run_sweep(options);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.status.planned, 4);
  EXPECT_LT(summary.seconds, 10);
  EXPECT_THAT(told, AllOf(HasSubstr("waiting for 2 workers"), HasSubstr("Ctrl-C again"),
                          HasSubstr("worker-0: did not stop"), HasSubstr("last checkpoint")));
  EXPECT_EQ(sweep.ask("SELECT sum(kills) FROM trials"), "0") << "nobody's fault";
}

// A signal to all processes of the terminal's foreground group, as Ctrl-C sends it.
class GroupSignalTest : public ::testing::TestWithParam<int> {};

TEST_P(GroupSignalTest, StopsDriverAndWorkersCleanly) {
  const TestSweep sweep(20);
  const pid_t driver =
      start_worker({.command = {"setsid", TINY_SWEEP, "driver", sweep.path(), "2", "20000", "well"},
                    .log = sweep.path() + ".driver.log"});
  while (sweep.status().running < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(::kill(-driver, GetParam()), 0);
  EXPECT_EQ(exit_code(driver), 130);
  EXPECT_EQ(sweep.status().running, 0);
  EXPECT_GT(sweep.status().planned, 0);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'"), "0");
  run_sweep(options_for(sweep));
  EXPECT_EQ(sweep.status().done, 20);
}
INSTANTIATE_TEST_SUITE_P(Signals, GroupSignalTest, ::testing::Values(SIGINT, SIGTERM, SIGHUP));

TEST(DriverTest, ASecondSignalEndsItNow) {
  const TestSweep sweep(4);
  const pid_t driver = start_tiny_driver(sweep.path(), 2, 10'000'000, "stubborn");
  while (sweep.status().running < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ::kill(driver, SIGINT);
  ::kill(driver, SIGTERM);  // timeout(1) signals a process, and then its whole group
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_FALSE(has_ended(driver)) << "that is one request";
  ::kill(driver, SIGINT);
  EXPECT_EQ(exit_code(driver), 130);
  EXPECT_EQ(sweep.status().planned, 4);
}

// --- Disks that are full.

class FullDiskTest : public ::testing::Test {
 protected:
  void expect_stopped(const SweepSummary& summary, const std::string& place) {
    EXPECT_TRUE(summary.interrupted);
    EXPECT_THAT(summary.disk_full, AllOf(HasSubstr("disk full: " + place), HasSubstr("are free"),
                                         HasSubstr("run the same command again")));
    EXPECT_EQ(summary.status.in_trouble(), 0) << "no trial's fault";
    EXPECT_LT(summary.status.done, 10);
    EXPECT_EQ(told_, summary.disk_full + "\n");
  }
  SweepSummary run(const SweepOptions& given) {
    SweepOptions options = given;
    options.note = [this](const std::string& note) { told_ += note + "\n"; };
    return run_sweep(options);
  }
  std::string told_;
};

TEST_F(FullDiskTest, OfTheCheckpointsStopsTheSweepAndFailsNoTrial) {
  const TestSweep sweep(10);
  const PrivateDisk disk(sweep.checkpoints(), 1 << 20);
  if (!disk.why().empty()) GTEST_SKIP() << disk.why();
  expect_stopped(run(options_for(sweep, "writing", 1000)), sweep.checkpoints());
  EXPECT_EQ(sweep.status().running, 0);
  for (const auto& entry : std::filesystem::directory_iterator(sweep.checkpoints())) {
    std::filesystem::remove(entry);
  }
  EXPECT_EQ(run_sweep(options_for(sweep)).status.done, 10);
  expect_complete(sweep, 10);
}

TEST_F(FullDiskTest, OfTheStoreStopsTheSweepAndTheStoreStaysWhole) {
  TemporaryFolder folder;
  const PrivateDisk disk(folder.file("disk"), 2 << 20);
  if (!disk.why().empty()) GTEST_SKIP() << disk.why();
  const TestSweep sweep(tabular_trials(10), disk.folder() + "/runs.db");
  SweepOptions options = options_for(sweep, "well", 20'000);
  options.progress_seconds = 0.05;
  bool full = false;
  options.progress = [&](const SweepStatus& status, auto) {
    if (status.running == 2 && !std::exchange(full, true)) disk.fill();
  };
  expect_stopped(run(options), sweep.path());
  EXPECT_EQ(sweep.ask("PRAGMA integrity_check"), "ok");
  disk.free();
  EXPECT_EQ(run_sweep(options_for(sweep)).status.done, 10);
  expect_complete(sweep, 10);
}

TEST(DriverTest, TwoDriversOnOneStoreShareTheWork) {
  const TestSweep sweep(40);
  const pid_t first = start_driver(sweep, 300);
  const pid_t second = start_driver(sweep, 300);
  EXPECT_EQ(exit_code(first), 0);
  EXPECT_EQ(exit_code(second), 0);
  expect_complete(sweep, 40);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts"), "40");
}

TEST(DriverTest, AKilledDriverLeavesNoWorkers) {
  const TestSweep sweep(20);
  const pid_t driver = start_driver(sweep, 3'000'000);  // no worker ends by itself within the wait
  while (sweep.status().running < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::vector<pid_t> workers = children_of(driver);
  ASSERT_EQ(workers.size(), 2u);
  ::kill(driver, SIGKILL);
  exit_code(driver);
  for (const pid_t worker : workers) {
    for (int i = 0; runs(worker); ++i) {
      ASSERT_LT(i, 5000) << "worker " << worker << " lives on";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// Twenty kill -9 at random moments, of workers and of the driver. Whatever they hit, running the
// same command again ends with every trial done once and no loss changed.
class RandomKillsTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomKillsTest, TheStudyIsCompleteAfterTwentyKills) {
  constexpr int kTrials = 60;
  constexpr int kKills = 20;
  constexpr int kStepMicroseconds = 3000;
  SplitMix64 random(static_cast<std::uint64_t>(GetParam()));
  const TestSweep sweep(kTrials);
  int drivers_killed = 0;
  int workers_killed = 0;
  pid_t driver = start_driver(sweep, kStepMicroseconds);
  while (drivers_killed + workers_killed < kKills) {
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random.below(40'000)));
    if (has_ended(driver)) break;
    const std::vector<pid_t> workers = children_of(driver);
    if (random.below(3) == 0) {
      ::kill(driver, SIGKILL);
      exit_code(driver);
      ++drivers_killed;
      driver = start_driver(sweep, kStepMicroseconds);
    } else if (!workers.empty()) {
      ::kill(workers[random.below(workers.size())], SIGKILL);
      ++workers_killed;
    }
  }
  ASSERT_EQ(drivers_killed + workers_killed, kKills) << "the study ended too early to be disturbed";
  EXPECT_EQ(exit_code(driver), 0) << last_lines(sweep.path() + ".driver.log", 10);
  EXPECT_EQ(run_sweep(options_for(sweep)).status.done, kTrials);
  expect_complete(sweep, kTrials);
  std::printf("seed %d: %d drivers and %d workers killed, %s attempts died\n", GetParam(),
              drivers_killed, workers_killed,
              sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'").c_str());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomKillsTest, ::testing::Values(1, 2));

TEST(WorkerLogTest, OnlyTheLastLinesOfOneWorkerAreShown) {
  TemporaryFolder folder;
  const std::string log = folder.file("worker-0.log");
  EXPECT_EQ(last_lines(log, 3), "");
  EXPECT_EQ(file_bytes(log), 0u);
  std::ofstream(log) << "earlier\n";
  const auto from = file_bytes(log);
  EXPECT_EQ(last_lines(log, 3, from), "");
  std::ofstream(log, std::ios::app) << "one\ntwo\nthree";
  EXPECT_EQ(last_lines(log, 2, from), "two\nthree\n");
  EXPECT_EQ(last_lines(log, 9, from), "one\ntwo\nthree\n");
  std::ofstream(log, std::ios::app) << std::string(200'000, '\n') << "end\n";
  EXPECT_EQ(last_lines(log, 1), "end\n");
}

TEST(EtaTest, IsWhatIsLeftAtTheRateSinceTheStart) {
  SweepStatus before;
  before.flops_total = 100;
  before.flops_done = 20;
  SweepStatus now = before;
  EXPECT_FALSE(eta_seconds(before, now, 10));
  now.flops_done = 60;
  EXPECT_DOUBLE_EQ(*eta_seconds(before, now, 10), 10.0);  // 40 FLOP in 10 s, 40 to go
}

}  // namespace
}  // namespace isoflop
