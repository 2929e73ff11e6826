// Workers that train several trials as one model: every trial exactly once, each with its own end.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "sweep/pack.h"
#include "sweep/worker.h"
#include "tests/sweep/fake_runner.h"
#include "tests/sweep/test_sweep.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// `seeds` of each of `sizes` models.
std::vector<PlannedTrial> seeds_and_sizes(int seeds, int sizes) {
  std::vector<PlannedTrial> trials;
  for (int size = 0; size < sizes; ++size) {
    for (int seed = 1; seed <= seeds; ++seed) {
      trials.push_back({.trial = tabular_trial(1000 * (size + 1), 1e6, seed)});
    }
  }
  return trials;
}

StackWish by_seed(const Trial& trial) { return {StackingRunner().stack_key(trial), 3}; }

TEST(StackClaims, TakesTrialsOfOneKeyAndNoMoreThanAskedFor) {
  TestSweep sweep(seeds_and_sizes(5, 2));
  Store store(sweep.path());
  std::vector<std::size_t> sizes;
  std::set<std::int64_t> seen;
  for (;;) {
    const auto claims = store.claim_stack("s", this_worker("cpu"), by_seed);
    if (claims.empty()) break;
    sizes.push_back(claims.size());
    for (const Claim& claim : claims) {
      EXPECT_TRUE(seen.insert(claim.trial_id).second);
      EXPECT_EQ(by_seed(claim.trial).key, by_seed(claims[0].trial).key);
      EXPECT_TRUE(store.heartbeat(claim, 1)) << "each has its own attempt and token";
    }
  }
  EXPECT_EQ(seen.size(), 10u);
  std::sort(sizes.begin(), sizes.end());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 3, 3));
  EXPECT_EQ(store.status("s").running, 10);
}

TEST(StackClaims, WithoutAKeyATrialComesAlone) {
  TestSweep sweep(seeds_and_sizes(3, 1));
  Store store(sweep.path());
  const auto alone = [](const Trial&) { return StackWish{.key = "", .most = 8}; };
  EXPECT_EQ(store.claim_stack("s", this_worker("cpu"), alone).size(), 1u);
  EXPECT_TRUE(store.claim_next("s", this_worker("cpu")));
}

TEST(StackClaims, TrunksOfOneSeedAreStillClaimedOneAfterTheOther) {
  std::vector<PlannedTrial> trials;
  for (std::int64_t seed = 1; seed <= 3; ++seed) {
    for (const int steps : {100, 200}) trials.push_back({.trial = trunk_trial(1000, steps, seed)});
  }
  TestSweep sweep(trials);
  Store store(sweep.path());
  const auto wish = [](const Trial& trial) {
    return StackWish{StackingRunner().stack_key(trial), 16};
  };
  const auto first = store.claim_stack("s", this_worker("cpu"), wish);
  EXPECT_EQ(first.size(), 3u);
  for (const Claim& claim : first) EXPECT_EQ(claim.trial.train.tokens, 100 * 512);
  EXPECT_TRUE(store.claim_stack("s", this_worker("cpu"), wish).empty()) << "they wait";
  for (const Claim& claim : first) store.finish(claim, done_with(2));
  EXPECT_EQ(store.claim_stack("s", this_worker("cpu"), wish).size(), 3u);
}

TEST(StackClaims, ATrialThatDiedTwiceComesAlone) {
  TestSweep sweep(seeds_and_sizes(4, 1));
  sweep.change("UPDATE trials SET kills = 2 WHERE seed = 3");
  Store store(sweep.path());
  const auto wish = [](const Trial& trial) {
    return StackWish{StackingRunner().stack_key(trial), 16};
  };
  EXPECT_EQ(store.claim_stack("s", this_worker("cpu"), wish).size(), 3u);
  const auto alone = store.claim_stack("s", this_worker("cpu"), wish);
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0].trial.seed, 3);
}

TEST(StackWorker, EndsEveryTrialOnceWithItsOwnLossAndCurve) {
  TestSweep sweep(seeds_and_sizes(6, 2));
  Store store(sweep.path());
  StackingRunner runner;
  const WorkerReport report = run_worker(store, "s", runner, {.stack = 4});
  EXPECT_EQ(report.done, 12);
  EXPECT_THAT(runner.stacks, UnorderedElementsAre(4, 4, 2, 2));
  for (const TrialRow& row : sweep.trials()) {
    EXPECT_EQ(row.state, "done");
    EXPECT_EQ(row.attempts, 1);
    EXPECT_DOUBLE_EQ(*row.loss, fake_loss(row.trial));
    EXPECT_EQ(store.curve(row.id).size(), static_cast<std::size_t>(kFakeSteps));
  }
}

// The second seed diverges in the third step; what the store says then is noted in the fifth.
class UnstableRunner : public StackingRunner {
 public:
  explicit UnstableRunner(const TestSweep& sweep) : sweep_(sweep) {}
  SweepStatus seen;

 protected:
  Outcome take_step(const Trial& trial, RunContext& context, int step) override {
    if (step == 5) seen = sweep_.status();
    if (trial.seed == 2 && step == 3) {
      return {.status = OutcomeStatus::kDiverged, .reason = "not finite"};
    }
    return StackingRunner::take_step(trial, context, step);
  }

 private:
  const TestSweep& sweep_;
};

TEST(StackWorker, OneThatDivergesHasEndedWhileTheOthersGoOn) {
  TestSweep sweep(seeds_and_sizes(3, 1));
  Store store(sweep.path());
  UnstableRunner runner(sweep);
  const WorkerReport report = run_worker(store, "s", runner, {.stack = 8});
  EXPECT_EQ(report.done, 2);
  EXPECT_EQ(report.diverged, 1);
  EXPECT_EQ(runner.seen.diverged, 1);
  EXPECT_EQ(runner.seen.running, 2);
}

TEST(StackWorker, AStackThatFindsNoMemoryIsHalvedAndItsTrialsAreNotToBlame) {
  TestSweep sweep(seeds_and_sizes(8, 1));
  Store store(sweep.path());
  StackingRunner runner({}, 2);
  const WorkerReport report = run_worker(store, "s", runner, {.stack = 8});
  EXPECT_EQ(report.done, 8);
  EXPECT_EQ(report.failed, 0);
  EXPECT_EQ(runner.stacks, (std::vector<std::size_t>{8, 4, 2, 2, 2, 2}));
  EXPECT_THAT(sweep.ask("SELECT reason FROM attempts WHERE number = 1 LIMIT 1"),
              HasSubstr("out of memory in a stack of 8"));
  EXPECT_EQ(sweep.ask("SELECT max(micro_batch) FROM trials"), "0");
}

class BuggyStack : public StackingRunner {
 public:
  std::vector<Outcome> run(std::span<const Trial> pack, RunContext& context) override {
    if (pack[0].seed == 2) throw std::runtime_error("index 7 is out of range");
    return StackingRunner::run(pack, context);
  }

 protected:
  Outcome take_step(const Trial& trial, RunContext& context, int step) override {
    if (trial.seed == 2) throw std::runtime_error("index 7 is out of range");
    return StackingRunner::take_step(trial, context, step);
  }
};

TEST(StackWorker, WhatThrowsAmongOthersIsTakenApartAndFailsAlone) {
  TestSweep sweep(seeds_and_sizes(4, 1));
  Store store(sweep.path());
  // A worker ends after a trial that failed; the driver starts the next.
  for (int worker = 0; worker < 4; ++worker) {
    BuggyStack runner;
    run_worker(store, "s", runner, {.stack = 8});
  }
  const SweepStatus status = sweep.status();
  EXPECT_EQ(status.done, 3);
  EXPECT_EQ(status.failed, 1);
}

TEST(StackWorker, OnStopAllArePlannedAgain) {
  TestSweep sweep(seeds_and_sizes(3, 1));
  Store store(sweep.path());
  StackingRunner runner;
  int asked = 0;
  const WorkerReport report = run_worker(
      store, "s", runner, {.attempt = {.stop = [&] { return ++asked > 6; }}, .stack = 8});
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(sweep.status().planned, 3);
}

TEST(StackWorker, OneThatIsCancelledLeavesTheOthers) {
  TestSweep sweep(seeds_and_sizes(3, 1));
  Store store(sweep.path());
  StackingRunner runner(std::chrono::milliseconds(20));
  bool done = false;
  const auto cancel = [&] {
    if (!done && sweep.status().running == 3) {
      done = true;
      Store(sweep.path()).cancel("s", sweep.trials()[1].identity);
    }
    return false;
  };
  const WorkerReport report = run_worker(
      store, "s", runner,
      {.attempt = {.stop = cancel, .heartbeat_seconds = 0.02, .flush_seconds = 0.02}, .stack = 8});
  EXPECT_EQ(report.done, 2);
  EXPECT_EQ(report.lost, 1);
  EXPECT_EQ(sweep.status().cancelled, 1);
}

TEST(StackWorker, SlotsOfAPackTakeStacksToo) {
  TestSweep sweep(seeds_and_sizes(4, 3));
  const auto make = [] { return std::make_unique<StackingRunner>(std::chrono::milliseconds(2)); };
  const PackReport report =
      run_pack(sweep.path(), "s", make, {.stack = 4},
               {.most_slots = 2, .settle_seconds = 0.01, .measure_seconds = 0.03});
  EXPECT_EQ(report.worker.done, 12);
  EXPECT_EQ(sweep.status().done, 12);
}

}  // namespace
}  // namespace isoflop
