// What becomes of a trial when its worker dies, is not heard of, fails or is told to stop.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LivesTest : public ::testing::Test {
 protected:
  void with_trials(int count) {
    store_.add_study("s", "");
    store_.add_trials("s", tabular_trials(count));
  }
  void sql(const std::string& text) { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(text); }
  std::string ask(const std::string& text) {
    return SQLite::Database(path_).execAndGet(text).getString();
  }
  // A process that this host cannot ask, of another boot or of this one.
  WorkerId stranger(bool same_boot) const {
    WorkerId worker = self_;
    worker.host += "-container";
    worker.pid_namespace += 1;
    if (!same_boot) worker.boot_id = "another";
    return worker;
  }
  WorkerId dead() const {
    WorkerId worker = self_;
    worker.start_ticks += 1;
    return worker;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
  Store store_{path_, StoreMode::kCreate};
  WorkerId self_ = this_worker();
};

TEST_F(LivesTest, AWorkerThatNobodyCanAskLosesItsTrialWhenTheLeaseRunsOut) {
  with_trials(1);
  const auto lost = store_.claim_next("s", stranger(true), 60);
  ASSERT_TRUE(lost);
  sql("UPDATE attempts SET uptime = uptime - 59");
  EXPECT_EQ(store_.release_dead("s").planned, 0);
  sql("UPDATE attempts SET uptime = uptime - 2");
  EXPECT_EQ(store_.release_dead("s").planned, 1);
  EXPECT_EQ(ask("SELECT outcome FROM attempts"), "lost");
  EXPECT_FALSE(store_.heartbeat(*lost, 1)) << "it learns so at its next heartbeat";
  EXPECT_FALSE(store_.finish(*lost, done_with(2)));
  const auto next = store_.claim_next("s", self_);
  ASSERT_TRUE(next);
  EXPECT_TRUE(store_.finish(*next, done_with(2.5)));
  EXPECT_EQ(store_.trials("s")[0].loss, 2.5);
}

TEST_F(LivesTest, AHeartbeatRenewsTheLease) {
  with_trials(1);
  const auto claim = store_.claim_next("s", stranger(true), 60);
  sql("UPDATE attempts SET uptime = uptime - 100");
  EXPECT_TRUE(store_.heartbeat(*claim, 1e5));
  EXPECT_EQ(store_.release_dead("s").planned, 0);
}

TEST_F(LivesTest, AClockThatJumpsTakesNoTrialFromAnybody) {
  with_trials(2);
  ASSERT_TRUE(store_.claim_next("s", self_, 60));
  ASSERT_TRUE(store_.claim_next("s", stranger(true), 60));
  for (const char* jump : {"- 1e6", "+ 2e6"}) {
    sql(std::string("UPDATE attempts SET heartbeat = heartbeat ") + jump);
    EXPECT_EQ(store_.release_dead("s").planned, 0);
  }
}

TEST_F(LivesTest, BetweenTwoBootsTheWallClockDecides) {
  with_trials(1);
  ASSERT_TRUE(store_.claim_next("s", stranger(false), 60));
  sql("UPDATE attempts SET uptime = 1");
  EXPECT_EQ(store_.release_dead("s").planned, 0) << "uptimes of two boots say nothing";
  sql("UPDATE attempts SET heartbeat = heartbeat - 61");
  EXPECT_EQ(store_.release_dead("s").planned, 1);
}

TEST_F(LivesTest, ALivingProcessOfThisHostIsNeverTooSlow) {
  with_trials(1);
  ASSERT_TRUE(store_.claim_next("s", self_, 60));
  sql("UPDATE attempts SET uptime = uptime - 1e6, heartbeat = heartbeat - 1e6");
  EXPECT_EQ(store_.release_dead("s", 3).planned, 0);
}

TEST_F(LivesTest, DeathsWithProgressInBetweenAreNotHeldAgainstATrial) {
  with_trials(1);
  const auto die_at = [&](double tokens) {
    const auto claim = store_.claim_next("s", dead());
    EXPECT_TRUE(claim);
    store_.heartbeat(*claim, tokens);
    return store_.release_dead("s", 3);
  };
  for (int death = 1; death <= 20; ++death) EXPECT_EQ(die_at(2e4 * death).planned, 1);
  EXPECT_EQ(die_at(4e5).planned, 1) << "no further than before";
  EXPECT_EQ(die_at(4e5).planned, 1);
  EXPECT_EQ(die_at(4.05e5).failed, 1) << "less than 1 % further";
}

TEST_F(LivesTest, ADeadWorkersEndIsWrittenByWhoeverSawIt) {
  with_trials(2);
  WorkerId worker = self_;
  worker.pid = 999999;
  worker.start_ticks = 1;
  const auto claim = store_.claim_next("s", worker);
  ASSERT_TRUE(claim);
  store_.heartbeat(*claim, 5e5);
  const Outcome crash{.reason = "crashed: signal 11", .notes = {"line 1", "line 2"}};
  EXPECT_FALSE(store_.finish_dead("s", 999998, crash));
  EXPECT_TRUE(store_.finish_dead("s", 999999, crash));
  EXPECT_FALSE(store_.finish_dead("s", 999999, crash)) << "once";
  EXPECT_EQ(ask("SELECT outcome || ' ' || reason FROM attempts"), "failed crashed: signal 11");
  EXPECT_EQ(ask("SELECT tokens FROM attempts"), "500000.0");
  EXPECT_EQ(ask("SELECT log FROM attempts"), "line 1\nline 2\n");
  EXPECT_EQ(store_.status("s").planned, 2) << "tried again";
  EXPECT_EQ(ask("SELECT sum(failures) FROM trials"), "1");
}

TEST_F(LivesTest, OfAPackThatDiedNobodyKnowsWhoseFaultItWas) {
  with_trials(3);
  WorkerId worker = self_;
  worker.pid = 999999;
  worker.start_ticks = 1;
  store_.heartbeat(*store_.claim_next("s", worker), 5e5);
  store_.heartbeat(*store_.claim_next("s", worker), 6e5);
  EXPECT_TRUE(store_.finish_dead("s", 999999, {.reason = "crashed"}));
  EXPECT_EQ(store_.status("s").planned, 3);
  EXPECT_EQ(ask("SELECT group_concat(outcome || tokens) FROM attempts"),
            "killed500000.0,killed600000.0");
  EXPECT_EQ(ask("SELECT sum(failures) FROM trials"), "0");
}

TEST_F(LivesTest, OutOfMemoryEndsATrialWhoseExpertsNeedTheWholeBatch) {
  Trial sparse;
  sparse.model.experts = 8;
  sparse.train.tokens = 1e5;
  store_.add_study("s", "");
  const PlannedTrial planned{.trial = sparse};
  store_.add_trials("s", {&planned, 1});
  const auto claim = store_.claim_next("s", self_);
  ASSERT_TRUE(claim);
  store_.finish(*claim, {.status = OutcomeStatus::kOutOfMemory, .reason = "no memory"});
  EXPECT_EQ(store_.status("s").out_of_memory, 1);
  EXPECT_EQ(ask("SELECT micro_batch FROM trials"), "0");
}

TEST_F(LivesTest, OutOfMemoryHalvesTheMicroBatchAndKeepsTheBatch) {
  with_trials(1);
  for (const std::int64_t sequences : {0, 2, 1}) {
    const auto claim = store_.claim_next("s", self_);
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->micro_batch, sequences);
    EXPECT_EQ(claim->trial.train.batch, 4);
    store_.finish(*claim, {.status = OutcomeStatus::kOutOfMemory, .reason = "no memory"});
  }
  EXPECT_EQ(store_.status("s").out_of_memory, 1);
  EXPECT_EQ(ask("SELECT group_concat(micro_batch) FROM attempts"), "0,2,1");
  EXPECT_FALSE(store_.claim_next("s", self_));

  EXPECT_EQ(store_.retry("s", {.failed = true}), 0);
  EXPECT_EQ(store_.retry("s", {.out_of_memory = true}), 1);
  EXPECT_EQ(store_.claim_next("s", self_)->micro_batch, 1) << "what is known stays known";
}

TEST_F(LivesTest, RetryPlansWhatItIsAskedForWithANewBudget) {
  with_trials(4);
  const auto end = [&](OutcomeStatus status) {
    store_.finish(*store_.claim_next("s", self_), {.status = status, .reason = "x"}, {.bugs = 0});
  };
  end(OutcomeStatus::kDiverged);
  end(OutcomeStatus::kFailed);
  store_.finish(*store_.claim_next("s", self_), done_with(2));
  EXPECT_EQ(store_.cancel("s"), 1);
  EXPECT_EQ(store_.retry("s", {}), 0);
  EXPECT_EQ(store_.retry("s", {.failed = true, .cancelled = true}), 2);
  const SweepStatus status = store_.status("s");
  EXPECT_EQ(status.planned, 2);
  EXPECT_EQ(status.done, 1);
  EXPECT_EQ(status.diverged, 1);
  EXPECT_EQ(ask("SELECT sum(failures + kills) FROM trials"), "0");
}

TEST_F(LivesTest, ACancelledTrialsWorkerLearnsSoAndLeavesNothing) {
  with_trials(3);
  const auto claim = store_.claim_next("s", self_);
  EXPECT_EQ(store_.cancel("s", claim->identity.substr(0, 12)), 1);
  EXPECT_EQ(store_.status("s").cancelled, 1);
  EXPECT_EQ(store_.status("s").planned, 2);
  EXPECT_FALSE(store_.heartbeat(*claim, 1));
  EXPECT_FALSE(store_.finish(*claim, done_with(2)));
  EXPECT_EQ(ask("SELECT outcome || ' ' || reason FROM attempts"), "interrupted cancelled");
}

TEST_F(LivesTest, TheCheapTenthGoesFirstAndTheRestDearestFirst) {
  store_.add_study("s", "");
  std::vector<PlannedTrial> trials;
  for (const double params : {100., 200., 400., 1000., 3000., 4000.}) {
    trials.push_back({.trial = tabular_trial(params, 1e6)});
  }
  store_.add_trials("s", trials);  // 8,700 together
  std::vector<double> order;
  while (const auto claim = store_.claim_next("s", self_)) order.push_back(params_of(claim->trial));
  EXPECT_THAT(order, ElementsAre(400, 200, 100, 4000, 3000, 1000));
}

TEST_F(LivesTest, StatusCountsWhatWasSpentAndLost) {
  with_trials(2);
  Outcome outcome = done_with(2);
  outcome.flops = 7e9;
  store_.finish(*store_.claim_next("s", self_), outcome);
  ASSERT_TRUE(store_.claim_next("s", dead()));
  sql("UPDATE attempts SET started = started - 5 WHERE outcome = 'running'");
  EXPECT_NEAR(store_.status("s").seconds, 5.5, 0.01);
  store_.release_dead("s");
  const SweepStatus status = store_.status("s");
  EXPECT_NEAR(status.seconds, 5.5, 0.01);
  EXPECT_EQ(status.flops_spent, 7e9);
  // Another study that has the same trials has had the same work done.
  store_.add_study("t", "");
  store_.add_trials("t", tabular_trials(2));
  EXPECT_NEAR(store_.status("t").seconds, 5.5, 0.01);
  EXPECT_EQ(store_.status("t").done, 1);
}

}  // namespace
}  // namespace isoflop
