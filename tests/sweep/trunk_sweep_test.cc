// Sweeps of trials that share trunks, with workers that are really killed.
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <signal.h>
#include <thread>

#include "core/hash.h"
#include "core/stopwatch.h"
#include "sweep/driver.h"
#include "sweep/worker.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/processes.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

constexpr int kTrunks = 4;
const std::vector<int> kSteps{10, 20, 40, 60};

std::vector<PlannedTrial> trunk_trials() {
  std::vector<PlannedTrial> trials;
  for (const int steps : kSteps) {
    for (int i = 0; i < kTrunks; ++i) trials.push_back({.trial = trunk_trial(1000 + i, steps)});
  }
  return trials;
}

SweepOptions trunk_options(const TestSweep& sweep, int step_us) {
  SweepOptions options;
  options.db = sweep.path();
  options.study = "s";
  options.workers = 3;
  options.worker_command = {TINY_SWEEP, "worker", sweep.path(), std::to_string(step_us), "trunks"};
  return options;
}

// A step of a trunk that was trained, as the runner noted it.
struct TrunkStep {
  std::string trial, trunk;
  int step = 0;
  long pid = 0;
};

std::vector<TrunkStep> steps_of_trunks(const TestSweep& sweep) {
  std::vector<TrunkStep> steps;
  std::ifstream file(sweep.checkpoints() + "/steps");
  for (TrunkStep s; file >> s.trial >> s.trunk >> s.step >> s.pid;) steps.push_back(s);
  return steps;
}

void expect_done(const TestSweep& sweep) {
  EXPECT_EQ(sweep.status().done, static_cast<std::int64_t>(kTrunks * kSteps.size()));
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'running'"), "0");
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM queue"), "0");
  for (const TrialRow& row : sweep.trials()) EXPECT_EQ(row.loss, fake_loss(row.trial));
}

TEST(TrunkSweepTest, EveryStepOfATrunkIsTrainedOnce) {
  const TestSweep sweep(trunk_trials());
  const SweepSummary summary = run_sweep(trunk_options(sweep, 300));
  EXPECT_FALSE(summary.interrupted);
  expect_done(sweep);
  std::map<std::string, std::multiset<int>> trained;
  for (const TrunkStep& s : steps_of_trunks(sweep)) trained[s.trunk].insert(s.step);
  EXPECT_EQ(trained.size(), static_cast<size_t>(kTrunks));
  for (const auto& [trunk, steps] : trained) {
    EXPECT_EQ(steps.size(), 48u) << "0.8 x 60";
    EXPECT_EQ(std::set<int>(steps.begin(), steps.end()).size(), steps.size());
  }
  // 60 - 8 - ... : what a trial was given is what the one before it left.
  EXPECT_EQ(sweep.ask("SELECT group_concat(DISTINCT resumed_at) FROM attempts JOIN trials t ON"
                      " t.id = trial WHERE t.tokens = 60 * 512"),
            "32");
  const SweepStatus status = sweep.status();
  EXPECT_DOUBLE_EQ(status.flops_done, status.flops_total);
  EXPECT_EQ(std::stod(sweep.ask("SELECT sum(flops) FROM attempts")), status.flops_total);
}

TEST(TrunkSweepTest, TwoTrialsOfATrunkRunAtOnceOnceTheFirstHasBranched) {
  // A cooldown of 0.9 s: the other worker looks every 0.25 s.
  Trial first = trunk_trial(1000, 100);
  first.train.cooldown = 0.9;
  Trial second = trunk_trial(1000, 100);
  second.train.cooldown = 0.8;
  const TestSweep sweep(std::vector<PlannedTrial>{{.trial = first}, {.trial = second}});
  run_sweep(trunk_options(sweep, 10'000));
  EXPECT_EQ(sweep.ask("SELECT a.started < b.ended FROM attempts a, attempts b"
                      " WHERE a.trial = 2 AND b.trial = 1"),
            "1")
      << "the second began while the first was in its cooldown";
}

// A step may be trained again only where the attempt that trained it first was killed.
void expect_nothing_twice_but_what_was_killed(const TestSweep& sweep) {
  std::map<std::pair<std::string, int>, TrunkStep> last;
  for (const TrunkStep& s : steps_of_trunks(sweep)) {
    const auto [earlier, is_new] = last.emplace(std::pair(s.trunk, s.step), s);
    if (is_new) continue;
    EXPECT_EQ(sweep.ask("SELECT count(*) > 0 FROM attempts a JOIN trials t ON t.id = a.trial"
                        " WHERE t.identity = '" +
                        earlier->second.trial + "' AND a.pid = " +
                        std::to_string(earlier->second.pid) + " AND a.outcome = 'killed'"),
              "1")
        << "step " << s.step << " of " << s.trunk;
    earlier->second = s;
  }
}

class TrunkKillsTest : public ::testing::TestWithParam<int> {};

TEST_P(TrunkKillsTest, KillsCostTheirOwnStepsOnly) {
  constexpr int kKills = 12;
  SplitMix64 random(static_cast<std::uint64_t>(GetParam()));
  const TestSweep sweep(trunk_trials());
  pid_t driver = start_tiny_driver(sweep.path(), 3, 2000, "trunks");
  int kills = 0;
  while (kills < kKills) {
    std::this_thread::sleep_for(std::chrono::microseconds(5000 + random.below(40'000)));
    if (has_ended(driver)) break;
    const std::vector<pid_t> workers = children_of(driver);
    if (random.below(4) == 0) {
      ::kill(driver, SIGKILL);
      exit_code(driver);
      driver = start_tiny_driver(sweep.path(), 3, 2000, "trunks");
      ++kills;
    } else if (!workers.empty()) {
      ::kill(workers[random.below(workers.size())], SIGKILL);
      ++kills;
    }
  }
  ASSERT_EQ(kills, kKills) << "the study ended too early to be disturbed";
  EXPECT_EQ(exit_code(driver), 0);
  run_sweep(trunk_options(sweep, 100));
  expect_done(sweep);
  expect_nothing_twice_but_what_was_killed(sweep);
}
INSTANTIATE_TEST_SUITE_P(Seeds, TrunkKillsTest, ::testing::Values(1, 2));

TEST(TrunkSweepTest, TimeIsUpAsIfSomebodyHadStoppedIt) {
  const TestSweep sweep(trunk_trials());
  SweepOptions options = trunk_options(sweep, 5000);  // 2.5 s of steps
  options.max_seconds = 0.4;
  const SweepSummary summary = run_sweep(options);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_TRUE(summary.out_of_time);
  EXPECT_GT(summary.status.planned, 0);
  EXPECT_EQ(summary.status.running, 0);
  EXPECT_EQ(sweep.ask("SELECT count(*) FROM attempts WHERE outcome = 'killed'"), "0");
  EXPECT_FALSE(run_sweep(trunk_options(sweep, 100)).out_of_time);
  expect_done(sweep);
}

// --- One worker, while somebody else holds the trunk.

class WaitingWorkerTest : public ::testing::Test {
 protected:
  const TestSweep sweep_{std::vector<PlannedTrial>{{.trial = trunk_trial(1000, 10)},
                                                   {.trial = trunk_trial(1000, 20)}}};
  Store store_{sweep_.path()};
  TrunkRunner runner_;
  Stopwatch watch_;  // a worker that waits in vain shall fail its test, not hang it
  WorkerOptions options_{.attempt = {.stop = [this] { return watch_.seconds() > 20; },
                                     .checkpoint_dir = sweep_.checkpoints()}};
};

TEST_F(WaitingWorkerTest, GoesOnWhenTheTrunkIsFree) {
  const auto held = store_.claim_next("s", this_worker());
  ASSERT_EQ(steps_of(held->trial), 10);
  WorkerReport report;
  std::thread worker([&] {
    Store own(sweep_.path());
    report = run_worker(own, "s", runner_, options_);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_EQ(sweep_.status().running, 1) << "it waits";
  store_.heartbeat(*held, 9 * 512);
  worker.join();
  EXPECT_EQ(report.done, 1);
  EXPECT_EQ(sweep_.status().done, 1);
  EXPECT_EQ(sweep_.status().running, 1);
}

TEST_F(WaitingWorkerTest, HearsAStop) {
  const auto held = store_.claim_next("s", this_worker());
  int asked = 0;
  options_.attempt.stop = [&] { return ++asked > 3; };
  Store own(sweep_.path());
  const WorkerReport report = run_worker(own, "s", runner_, options_);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.done, 0);
  EXPECT_EQ(sweep_.status().planned, 1);
}

TEST_F(WaitingWorkerTest, TellsAtOnceThatItHasPassedItsBranch) {
  class Asker : public TrialRunner {
   public:
    explicit Asker(const TestSweep& sweep) : sweep_(sweep) {}
    std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
      const double branch = branch_tokens(pack[0]);
      for (const double tokens : {branch - 512, branch, branch + 512}) {
        context.should_stop(tokens);
        seen.push_back(heard(0.1));
      }
      if (seen.back() == "0.0") seen.back() = heard(10);
      checkpoints = context.checkpoint_dir;
      return {{.status = OutcomeStatus::kDiverged, .reason = "was asked only", .notes = {"tell"}}};
    }
    // The tokens of the last heartbeat, once there are any.
    std::string heard(double seconds) const {
      const Stopwatch watch;
      std::string tokens;
      do {
        tokens = sweep_.ask("SELECT tokens FROM attempts WHERE outcome = 'running'");
      } while (tokens == "0.0" && watch.seconds() < seconds);
      return tokens;
    }
    std::vector<std::string> seen;
    std::string checkpoints;

   private:
    const TestSweep& sweep_;
  } asker(sweep_);
  options_.attempt.heartbeat_seconds = 1e9;
  std::vector<std::string> told;
  options_.attempt.note = [&](const std::string& note) { told.push_back(note); };
  run_worker(store_, "s", asker, options_);
  const std::vector<std::string> expected{"0.0", "0.0", "4608.0", "0.0", "0.0", "8704.0"};
  EXPECT_EQ(asker.seen, expected);
  EXPECT_EQ(asker.checkpoints, sweep_.checkpoints());
  EXPECT_EQ(std::count(told.begin(), told.end(), "tell"), 2);
}

}  // namespace
}  // namespace isoflop
