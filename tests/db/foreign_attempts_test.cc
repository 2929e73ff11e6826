// Trials that other hosts run: leases to holders, and attempts that come in from files.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <thread>

#include "core/error.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr double kStart = 1.7e9;  // Unix seconds at which attempts begin here

CurvePoint point(std::int64_t step, double loss) {
  return {.step = step, .tokens = 100.0 * static_cast<double>(step), .train_loss = loss};
}

class ForeignAttemptsTest : public ::testing::Test {
 protected:
  // Trial i of the study, leased to `holder`.
  void lease(int count, const std::string& holder = "slurm 7") {
    store_.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (int i = 0; i < count; ++i) {
      trials.push_back({.trial = tabular_trial(1000 + i, 1e6)});
      trials.back().trial.train.batch = 4;
    }
    store_.add_trials("s", trials);
    claims_ = store_.lease_out("s", ids(), holder);
  }
  std::vector<std::int64_t> ids() {
    std::vector<std::int64_t> result;
    for (const TrialRow& row : store_.trials("s")) result.push_back(row.id);
    return result;
  }
  ForeignAttempt attempt(const std::string& origin, int trial = 0, double started = kStart) {
    return {.origin = origin,
            .identity = claims_.at(static_cast<size_t>(trial)).identity,
            .worker = {.host = "node1", .boot_id = "b", .pid = 12, .start_ticks = 3},
            .version = "0.1.0",
            .compiler = "gcc",
            .started = started,
            .heartbeat = started + 10,
            .tokens_done = 1000,
            .curve = {point(1, 3.5), point(2, 3.25)}};
  }
  ForeignAttempt ended(const std::string& origin, const Outcome& outcome, int trial = 0,
                       double started = kStart) {
    ForeignAttempt result = attempt(origin, trial, started);
    result.outcome = outcome;
    return result;
  }
  TrialRow row(int trial = 0) { return store_.trials("s").at(static_cast<size_t>(trial)); }
  SweepStatus status() { return store_.status("s"); }

  TemporaryFolder folder_;
  Store store_{folder_.file("runs.db"), StoreMode::kCreate};
  std::vector<Claim> claims_;
};

Outcome failed_with(OutcomeStatus status, const std::string& reason = "why") {
  return {.status = status, .reason = reason, .steps = 3, .tokens = 300, .seconds = 4};
}

TEST_F(ForeignAttemptsTest, ALeasedTrialIsNobodyElses) {
  lease(3);
  ASSERT_EQ(claims_.size(), 3u);
  EXPECT_EQ(claims_[1].trial, row(1).trial);
  EXPECT_EQ(identity(claims_[1].trial), claims_[1].identity);
  EXPECT_EQ(row(1).state, "leased");
  EXPECT_EQ(row(1).held_by, "slurm 7");
  EXPECT_FALSE(store_.claim_next("s", this_worker()));
  EXPECT_FALSE(store_.has_planned("s"));
  EXPECT_THAT(store_.lease_out("s", ids(), "slurm 8"), IsEmpty());
  EXPECT_EQ(status().leased, 3);
}

TEST_F(ForeignAttemptsTest, OnlyPlannedTrialsOfTheStudyAreLeased) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(3));
  store_.add_study("other", "");
  store_.add_trials("other", std::vector<PlannedTrial>{{.trial = tabular_trial(5000, 1e6)}});
  const auto claim = store_.claim_next("s", this_worker());
  ASSERT_TRUE(claim);
  const std::int64_t others = store_.trials("other").front().id;
  std::vector<std::int64_t> wanted = ids();
  wanted.push_back(others);
  wanted.push_back(4711);
  EXPECT_EQ(store_.lease_out("s", wanted, "slurm 7").size(), 2u);
  EXPECT_EQ(status().running, 1);
  EXPECT_EQ(store_.status("other").planned, 1);
}

TEST_F(ForeignAttemptsTest, AHolderIsRenamedCountedAndRelieved) {
  lease(3, "submitting");
  store_.rename_holder("s", "submitting", "slurm 12");
  ASSERT_EQ(store_.holders("s").size(), 1u);
  EXPECT_EQ(store_.holders("s").front().holder, "slurm 12");
  EXPECT_EQ(store_.holders("s").front().trials, 3);
  store_.import_attempt(ended("a", done_with(3), 0));
  EXPECT_EQ(store_.take_back("s", "somebody else"), 0);
  EXPECT_EQ(store_.take_back("s", ""), 0);
  EXPECT_EQ(store_.take_back("s", "slurm 12"), 2);
  EXPECT_EQ(status().planned, 2);
  EXPECT_EQ(status().done, 1);
  EXPECT_THAT(store_.holders("s"), IsEmpty());
}

TEST_F(ForeignAttemptsTest, AResultEndsItsTrial) {
  lease(1);
  ForeignAttempt whole = ended("a", done_with(3.0625));
  whole.outcome->notes = {"a note"};
  EXPECT_EQ(store_.import_attempt(whole), ImportedAs::kNew);
  EXPECT_EQ(row().state, "done");
  EXPECT_EQ(row().held_by, "");
  EXPECT_THAT(row().loss, Optional(3.0625));
  EXPECT_EQ(row().seconds, 0.5);
  EXPECT_EQ(store_.curve(row().id).size(), 2u);
  ASSERT_EQ(store_.results("s").size(), 1u);
  EXPECT_EQ(store_.results("s").front().loss, 3.0625);
  EXPECT_THAT(store_.ended_origins(), ElementsAre("a"));
}

TEST_F(ForeignAttemptsTest, ImportingAgainOrAnEarlierPartChangesNothing) {
  lease(1);
  const ForeignAttempt whole = ended("a", done_with(3));
  ASSERT_EQ(store_.import_attempt(whole), ImportedAs::kNew);
  const SweepStatus before = status();
  EXPECT_EQ(store_.import_attempt(whole), ImportedAs::kKnown);
  EXPECT_EQ(store_.import_attempt(attempt("a")), ImportedAs::kKnown);
  EXPECT_EQ(row().attempts, 1);
  EXPECT_EQ(row().state, "done");
  EXPECT_EQ(status().seconds, before.seconds);
}

TEST_F(ForeignAttemptsTest, ATrialThatNobodyKnowsIsLeftAlone) {
  lease(1);
  ForeignAttempt stranger = ended("a", done_with(3));
  stranger.identity = std::string(64, 'f');
  EXPECT_EQ(store_.import_attempt(stranger), ImportedAs::kUnknownTrial);
  EXPECT_THAT(store_.ended_origins(), IsEmpty());
}

TEST_F(ForeignAttemptsTest, ProgressIsSeenWhileTheTrialStaysLeased) {
  lease(1);
  ForeignAttempt part = attempt("a");
  EXPECT_EQ(store_.import_attempt(part), ImportedAs::kProgress);
  EXPECT_EQ(store_.import_attempt(part), ImportedAs::kKnown);
  EXPECT_EQ(row().state, "leased");
  EXPECT_EQ(row().tokens_done, 1000);
  EXPECT_EQ(status().leased, 1);
  EXPECT_GT(status().flops_done, 0);
  EXPECT_DOUBLE_EQ(status().seconds, 10);
  part.curve.push_back(point(3, 3));
  part.tokens_done = 5e5;
  part.heartbeat += 50;
  EXPECT_EQ(store_.import_attempt(part), ImportedAs::kProgress);
  EXPECT_EQ(store_.curve(row().id).size(), 3u);
  EXPECT_NEAR(status().flops_done / status().flops_total, 0.5, 1e-12);
  part.outcome = done_with(2.5);
  EXPECT_EQ(store_.import_attempt(part), ImportedAs::kNew);
  EXPECT_EQ(row().attempts, 1);
  EXPECT_DOUBLE_EQ(status().seconds, 0.5);
}

// A leased trial's process is not this host's to judge, whatever this host knows of its pid.
TEST_F(ForeignAttemptsTest, AttemptsOfLeasedTrialsAreNotReleasedAsDead) {
  lease(1);
  ForeignAttempt part = attempt("a");
  part.worker = this_worker();
  part.worker.pid = 1 << 30;  // no such process
  ASSERT_EQ(store_.import_attempt(part), ImportedAs::kProgress);
  EXPECT_EQ(store_.release_dead("s").planned, 0);
  EXPECT_EQ(row().state, "leased");
}

TEST_F(ForeignAttemptsTest, TheSameResultTwiceIsADuplicateAndAnotherOneAConflict) {
  lease(1);
  ASSERT_EQ(store_.import_attempt(ended("a", done_with(3.5))), ImportedAs::kNew);
  EXPECT_EQ(store_.import_attempt(ended("b", done_with(3.5))), ImportedAs::kDuplicate);
  EXPECT_THAT(store_.conflicts("s"), IsEmpty());
  const double other = std::nextafter(3.5, 4.0);
  EXPECT_EQ(store_.import_attempt(ended("c", done_with(other))), ImportedAs::kConflict);
  EXPECT_EQ(store_.import_attempt(ended("c", done_with(other))), ImportedAs::kKnown);
  EXPECT_THAT(row().loss, Optional(3.5));
  EXPECT_EQ(row().attempts, 3);
  EXPECT_EQ(store_.results("s").size(), 1u);
  const auto conflicts = store_.conflicts("s");
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].identity, claims_[0].identity);
  EXPECT_EQ(conflicts[0].heldout, "heldout");
  EXPECT_EQ(conflicts[0].loss, 3.5);
  EXPECT_EQ(conflicts[0].other, other);
  EXPECT_EQ(conflicts[0].origin, "c");
  EXPECT_EQ(conflicts[0].host, "node1");
}

TEST_F(ForeignAttemptsTest, DivergingWhereAnotherDidNotIsAConflict) {
  lease(2);
  ASSERT_EQ(store_.import_attempt(ended("a", done_with(3.5))), ImportedAs::kNew);
  EXPECT_EQ(store_.import_attempt(ended("b", failed_with(OutcomeStatus::kDiverged))),
            ImportedAs::kConflict);
  ASSERT_EQ(store_.conflicts("s").size(), 1u);
  EXPECT_TRUE(std::isnan(store_.conflicts("s")[0].other));
  ASSERT_EQ(store_.import_attempt(ended("c", failed_with(OutcomeStatus::kDiverged), 1)),
            ImportedAs::kNew);
  EXPECT_EQ(row(1).state, "diverged");
  EXPECT_EQ(store_.import_attempt(ended("d", failed_with(OutcomeStatus::kDiverged), 1)),
            ImportedAs::kDuplicate);
}

TEST_F(ForeignAttemptsTest, ALossThatIsNotFiniteIsADivergedTrial) {
  lease(1);
  EXPECT_EQ(store_.import_attempt(ended("a", done_with(std::nan("")))), ImportedAs::kNew);
  EXPECT_EQ(row().state, "diverged");
  EXPECT_EQ(row().reason, "the final loss is not finite");
}

TEST_F(ForeignAttemptsTest, ABugIsTriedAgainByItsHolderAndThenHasFailed) {
  lease(1);
  EXPECT_EQ(store_.import_attempt(ended("a", failed_with(OutcomeStatus::kFailed))),
            ImportedAs::kEnded);
  EXPECT_EQ(row().state, "leased");
  EXPECT_EQ(store_.import_attempt(ended("a", failed_with(OutcomeStatus::kFailed))),
            ImportedAs::kKnown);
  EXPECT_EQ(row().state, "leased");
  EXPECT_EQ(store_.import_attempt(
                ended("b", failed_with(OutcomeStatus::kFailed, "boom"), 0, kStart + 100)),
            ImportedAs::kEnded);
  EXPECT_EQ(row().state, "failed");
  EXPECT_EQ(row().reason, "boom");
  EXPECT_EQ(row().held_by, "");
}

TEST_F(ForeignAttemptsTest, WhoGivesUpHasTheLastWord) {
  lease(1);
  ForeignAttempt last = ended("a", failed_with(OutcomeStatus::kFailed));
  last.final = true;
  EXPECT_EQ(store_.import_attempt(last), ImportedAs::kEnded);
  EXPECT_EQ(row().state, "failed");
}

TEST_F(ForeignAttemptsTest, OutOfMemoryHalvesTheMicroBatchUntilOneSequenceIsLeft) {
  lease(1);
  const std::int64_t given[] = {0, 2, 1};
  const std::int64_t next[] = {2, 1, 1};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(row().state, "leased");
    ForeignAttempt one = ended("a" + std::to_string(i), failed_with(OutcomeStatus::kOutOfMemory), 0,
                               kStart + 100 * i);
    one.micro_batch = given[i];
    EXPECT_EQ(store_.import_attempt(one), ImportedAs::kEnded);
    EXPECT_EQ(row().micro_batch, next[i]);
  }
  EXPECT_EQ(row().state, "out_of_memory");
  EXPECT_EQ(status().out_of_memory, 1);
}

TEST_F(ForeignAttemptsTest, AnInterruptedAttemptLeavesTheTrialWithItsHolder) {
  lease(1);
  EXPECT_EQ(store_.import_attempt(ended("a", failed_with(OutcomeStatus::kInterrupted))),
            ImportedAs::kEnded);
  EXPECT_EQ(row().state, "leased");
  EXPECT_EQ(store_.import_attempt(ended("b", done_with(3), 0, kStart + 100)), ImportedAs::kNew);
  EXPECT_EQ(row().attempts, 2);
}

TEST_F(ForeignAttemptsTest, TheAttemptThatBeganLastIsTheOneThatRuns) {
  lease(1);
  ForeignAttempt first = attempt("first");
  ForeignAttempt second = attempt("second", 0, kStart + 100);
  second.tokens_done = 7000;
  for (const bool second_first : {false, true}) {
    store_.import_attempt(second_first ? second : first);
    store_.import_attempt(second_first ? first : second);
    EXPECT_DOUBLE_EQ(status().flops_done / status().flops_total, 7000 / 1e6);
    first.heartbeat += 1;
    second.heartbeat += 1;
  }
  // Both end well, the older one last.
  second.outcome = done_with(3);
  first.outcome = done_with(3);
  EXPECT_EQ(store_.import_attempt(second), ImportedAs::kNew);
  EXPECT_EQ(store_.import_attempt(first), ImportedAs::kDuplicate);
  EXPECT_EQ(row().attempts, 2);
  EXPECT_DOUBLE_EQ(status().seconds, 1.0);  // 0.5 each, nothing counted twice
}

TEST_F(ForeignAttemptsTest, ATrialTakenBackCanBeRunHereAndALateResultStillCounts) {
  lease(1);
  ASSERT_EQ(store_.import_attempt(attempt("a")), ImportedAs::kProgress);
  EXPECT_EQ(store_.take_back("s", "slurm 7"), 1);
  const auto claim = store_.claim_next("s", this_worker());
  ASSERT_TRUE(claim);
  ForeignAttempt more = attempt("a");
  more.heartbeat += 5;
  EXPECT_EQ(store_.import_attempt(more), ImportedAs::kProgress);
  EXPECT_EQ(status().running, 1);
  EXPECT_TRUE(store_.heartbeat(*claim, 10));
  more.outcome = done_with(2.75);
  EXPECT_EQ(store_.import_attempt(more), ImportedAs::kNew);
  EXPECT_FALSE(store_.heartbeat(*claim, 20)) << "its trial has ended: the worker is to stop";
  EXPECT_FALSE(store_.finish(*claim, done_with(9)));
  EXPECT_THAT(row().loss, Optional(2.75));
  EXPECT_EQ(status().done, 1);
  EXPECT_EQ(status().running, 0);
}

TEST_F(ForeignAttemptsTest, AResultOfATrialThatRanHereMeanwhileIsADuplicate) {
  lease(1);
  store_.take_back("s", "slurm 7");
  const auto claim = store_.claim_next("s", this_worker());
  ASSERT_TRUE(store_.finish(*claim, done_with(2.75)));
  EXPECT_EQ(store_.import_attempt(ended("a", done_with(2.75))), ImportedAs::kDuplicate);
  EXPECT_EQ(row().seconds, 0.5);
  EXPECT_EQ(row().state, "done");
}

TEST_F(ForeignAttemptsTest, AFailedOrCancelledTrialTakesALateResult) {
  lease(2);
  ForeignAttempt last = ended("a", failed_with(OutcomeStatus::kFailed));
  last.final = true;
  store_.import_attempt(last);
  ASSERT_EQ(row(0).state, "failed");
  EXPECT_EQ(store_.import_attempt(ended("b", done_with(3))), ImportedAs::kNew);
  EXPECT_EQ(row(0).state, "done");
  store_.import_attempt(attempt("c", 1));
  store_.cancel("s");
  ASSERT_EQ(row(1).state, "cancelled");
  EXPECT_EQ(store_.import_attempt(ended("c", done_with(3), 1)), ImportedAs::kNew);
  EXPECT_EQ(row(1).state, "done");
}

TEST_F(ForeignAttemptsTest, TrialsOfATrunkSharesTheSmallerMicroBatch) {
  store_.add_study("s", "");
  std::vector<PlannedTrial> trials;
  for (const int steps : {20, 40}) trials.push_back({.trial = trunk_trial(1e3, steps)});
  trials.push_back({.trial = trunk_trial(2e3, 20)});
  store_.add_trials("s", trials);
  claims_ = store_.lease_out("s", ids(), "slurm 7");
  store_.import_attempt(ended("a", failed_with(OutcomeStatus::kOutOfMemory)));
  EXPECT_EQ(row(0).micro_batch, 2);
  EXPECT_EQ(row(1).micro_batch, 2);
  EXPECT_EQ(row(2).micro_batch, 0);
}

// What is spent and tallied must not depend on which file was read first, or how often.
TEST_F(ForeignAttemptsTest, AnyOrderAndAnyNumberOfImportsGiveTheSameStore) {
  lease(4);
  std::vector<ForeignAttempt> parts;
  for (int trial = 0; trial < 4; ++trial) {
    const std::string name = std::to_string(trial);
    parts.push_back(attempt("a" + name, trial));
    parts.push_back(ended("a" + name, done_with(3), trial));
    parts.push_back(attempt("b" + name, trial, kStart + 50));
    parts.push_back(ended("b" + name, done_with(3), trial, kStart + 50));
    parts.push_back(ended("c" + name, failed_with(OutcomeStatus::kInterrupted), trial, kStart - 9));
  }
  for (unsigned seed = 1; seed <= 3; ++seed) {
    std::vector<ForeignAttempt> shuffled = parts;
    shuffled.insert(shuffled.end(), parts.begin(), parts.end());
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(seed));
    Store store(folder_.file("runs" + std::to_string(seed) + ".db"), StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (const Claim& claim : claims_) trials.push_back({.trial = claim.trial});
    store.add_trials("s", trials);
    std::vector<std::int64_t> leased;
    for (const TrialRow& trial : store.trials("s")) leased.push_back(trial.id);
    ASSERT_EQ(store.lease_out("s", leased, "x").size(), 4u);
    for (const ForeignAttempt& one : shuffled) store.import_attempt(one);
    EXPECT_EQ(store.status("s").done, 4);
    EXPECT_EQ(store.status("s").leased, 0);
    EXPECT_DOUBLE_EQ(store.status("s").seconds, 4 * (0.5 + 0.5 + 4)) << "seed " << seed;
    EXPECT_EQ(store.ended_origins().size(), 12u);
    for (const TrialRow& trial : store.trials("s")) EXPECT_EQ(trial.attempts, 3);
  }
}

TEST_F(ForeignAttemptsTest, TwoImportersAtOnceWriteEachAttemptOnce) {
  lease(40);
  const auto import_all = [&] {
    Store store(folder_.file("runs.db"));
    for (int trial = 0; trial < 40; ++trial) {
      store.import_attempt(attempt("a" + std::to_string(trial), trial));
      store.import_attempt(ended("a" + std::to_string(trial), done_with(3), trial));
    }
  };
  std::thread one(import_all), two(import_all);
  one.join();
  two.join();
  EXPECT_EQ(status().done, 40);
  for (const TrialRow& trial : store_.trials("s")) {
    EXPECT_EQ(trial.attempts, 1);
    EXPECT_EQ(store_.curve(trial.id).size(), 2u);
  }
  EXPECT_DOUBLE_EQ(status().seconds, 20);
}

}  // namespace
}  // namespace isoflop
