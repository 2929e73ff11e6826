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
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/processes.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

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

TEST(DriverTest, ATrialThatKillsItsWorkersFailsAloneAndSaysSo) {
  const TestSweep sweep(6);
  {
    Store store(sweep.path());
    const std::vector<PlannedTrial> deadly{{.trial = tabular_trial(2e6, 1e6)}};
    store.add_trials("s", deadly);
  }
  SweepOptions options = options_for(sweep, "deadly");
  options.max_kills = 3;
  const SweepSummary summary = run_sweep(options);
  EXPECT_EQ(summary.status.done, 6);
  EXPECT_EQ(summary.status.failed, 1);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'"), "3");
  EXPECT_THAT(sweep.ask("SELECT reason FROM attempts WHERE outcome = 'killed'"
                        " ORDER BY number DESC"),
              HasSubstr("killed 3 times"));
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
