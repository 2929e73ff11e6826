// Which trial is next where trials share trunks.
#include <SQLiteCpp/SQLiteCpp.h>
#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sqlite3.h>

#include "core/hash.h"
#include "core/schedule.h"
#include "db/store_impl.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

std::vector<PlannedTrial> trunk(double params, const std::vector<int>& steps) {
  std::vector<PlannedTrial> trials;
  for (const int count : steps) trials.push_back({.trial = trunk_trial(params, count)});
  return trials;
}

Outcome ended(OutcomeStatus status) { return {.status = status, .reason = "said so"}; }

class TrunksTest : public ::testing::Test {
 protected:
  Store& with_trials(const std::vector<PlannedTrial>& trials, const std::string& study = "s") {
    store_.add_study(study, "");
    store_.add_trials(study, trials);
    return store_;
  }
  std::optional<Claim> claim(const std::string& study = "s") {
    return store_.claim_next(study, self_);
  }
  // Steps of the trial that is claimed, 0 for none.
  int claim_steps() {
    const auto next = claim();
    return next ? static_cast<int>(steps_of(next->trial)) : 0;
  }
  void sql(const std::string& text) {
    SQLite::Database(path_, SQLite::OPEN_READWRITE, 10000).exec(text);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
  Store store_{path_, StoreMode::kCreate};
  WorkerId self_ = this_worker();
};

TEST_F(TrunksTest, EachTrialWaitsUntilTheOneBeforeItHasLeftTheTrunk) {
  with_trials(trunk(100, {40, 10, 20}));
  const auto first = claim();
  ASSERT_TRUE(first);
  EXPECT_EQ(steps_of(first->trial), 10);
  EXPECT_FALSE(claim()) << "it has not begun";
  EXPECT_TRUE(store_.has_planned("s"));
  store_.heartbeat(*first, 7 * 512);
  EXPECT_FALSE(claim()) << "one step before the branch";
  store_.heartbeat(*first, 8 * 512);
  EXPECT_FALSE(claim()) << "the trunk may not be on disk yet";
  store_.heartbeat(*first, 9 * 512);
  const auto second = claim();
  ASSERT_TRUE(second);
  EXPECT_EQ(steps_of(second->trial), 20);
  EXPECT_FALSE(claim());
  EXPECT_TRUE(store_.finish(*first, done_with(2)));
  EXPECT_FALSE(claim()) << "the second holds the trunk now";
  EXPECT_TRUE(store_.finish(*second, done_with(2)));
  EXPECT_EQ(claim_steps(), 40);
  EXPECT_FALSE(store_.has_planned("s"));
}

TEST_F(TrunksTest, ATrialThatFailedDivergedOrDidNotFitIsNotWaitedFor) {
  with_trials(trunk(100, {10, 20, 40, 80}));
  store_.finish(*claim(), ended(OutcomeStatus::kFailed), {.bugs = 0});
  store_.finish(*claim(), ended(OutcomeStatus::kDiverged));
  for (const std::int64_t sequences : {0, 2, 1}) {
    const auto next = claim();
    EXPECT_EQ(next->micro_batch, sequences);
    store_.finish(*next, ended(OutcomeStatus::kOutOfMemory));
  }
  const auto last = claim();
  EXPECT_EQ(steps_of(last->trial), 80);
  EXPECT_EQ(last->micro_batch, 1) << "or it could not go on from the trunk of the one before";
}

TEST_F(TrunksTest, AnInterruptedTrialIsTheNextOfItsTrunkAgain) {
  with_trials(trunk(100, {10, 20}));
  store_.finish(*claim(), ended(OutcomeStatus::kInterrupted));
  EXPECT_EQ(claim_steps(), 10);
  EXPECT_EQ(claim_steps(), 0);
}

TEST_F(TrunksTest, AKilledTrialIsTheNextOfItsTrunkAgainUntilItHasFailed) {
  with_trials(trunk(100, {10, 20}));
  WorkerId gone = self_;
  gone.start_ticks += 1;
  for (int death = 1; death <= 3; ++death) {
    const auto next = store_.claim_next("s", gone);
    ASSERT_TRUE(next);
    EXPECT_EQ(steps_of(next->trial), 10);
    EXPECT_FALSE(claim());
    store_.release_dead("s", 3);
  }
  EXPECT_EQ(claim_steps(), 20);
}

TEST_F(TrunksTest, ATrunkStandsWhereTheCostOfAllItsTrialsPutsIt) {
  // Whole trunks: 100 x (64 + 2 + 4 + 8 + 16) = 9,400; 90 x 100 = 9,000. Alone, 9,500 and 8,500.
  auto trials = trunk(100, {10, 20, 40, 80});
  for (const auto& planned : trunk(90, {100})) trials.push_back(planned);
  trials.push_back({.trial = tabular_trial(95, 100 * 512)});
  trials.push_back({.trial = tabular_trial(85, 100 * 512)});
  with_trials(trials);
  sql("UPDATE trials SET early = 0");
  std::vector<double> params;
  while (const auto next = claim()) params.push_back(params_of(next->trial));
  EXPECT_THAT(params, ::testing::ElementsAre(95, 100, 90, 85));
}

TEST_F(TrunksTest, ATrunkThatGrowsMovesForward) {
  with_trials(trunk(100, {10}));
  store_.add_trials("s", trunk(90, {12}));
  store_.add_trials("s", trunk(100, {20}));
  EXPECT_EQ(params_of(claim()->trial), 100);
}

TEST_F(TrunksTest, SeedsAndSizesHaveTrunksOfTheirOwn) {
  with_trials({{.trial = trunk_trial(100, 10, 1)},
               {.trial = trunk_trial(100, 10, 2)},
               {.trial = trunk_trial(200, 10, 1)}});
  EXPECT_TRUE(claim());
  EXPECT_TRUE(claim());
  EXPECT_TRUE(claim());
}

TEST_F(TrunksTest, AnEarlierBranchThatComesLateHasNothingToWaitFor) {
  with_trials(trunk(100, {40}));
  const auto running = claim();
  store_.add_trials("s", trunk(100, {10, 80}));
  EXPECT_EQ(claim_steps(), 10) << "the running trial never stops at its branch";
  EXPECT_EQ(claim_steps(), 0);
}

TEST_F(TrunksTest, ATrunkIsHeldByTrialsOfOtherStudiesToo) {
  with_trials(trunk(100, {10}));
  with_trials(trunk(100, {10, 20}), "other");
  const auto running = claim("s");
  EXPECT_FALSE(claim("other"));
  store_.finish(*running, done_with(2));
  EXPECT_EQ(steps_of(claim("other")->trial), 20);
}

TEST_F(TrunksTest, ATrialThatIsNotHeardOfForTenMinutesIsNotWaitedFor) {
  with_trials(trunk(100, {10, 20}));
  ASSERT_TRUE(claim());
  sql("UPDATE attempts SET heartbeat = heartbeat - 590");
  EXPECT_EQ(claim_steps(), 0);
  sql("UPDATE attempts SET heartbeat = heartbeat - 20");
  EXPECT_EQ(claim_steps(), 20);
}

TEST_F(TrunksTest, AStudyThatGivesATrialUpLetsTheNextOneForward) {
  with_trials(trunk(100, {10, 20}));
  sql("UPDATE trials SET state = 'cancelled' WHERE tokens = 5120");
  EXPECT_EQ(claim_steps(), 20);
}

TEST_F(TrunksTest, ProgressCountsATrunkOnce) {
  auto trials = trunk(100, {10, 20, 40});
  trials.push_back({.trial = tabular_trial(100, 8 * 512)});
  with_trials(trials);
  const double step = 6 * 100 * 512;
  SweepStatus status = store_.status("s");
  EXPECT_DOUBLE_EQ(status.flops_alone, 78 * step);
  // 10, then 20 - 8, then 40 - 16, and the one without a trunk.
  EXPECT_DOUBLE_EQ(status.flops_total, (10 + 12 + 24 + 8) * step);
  EXPECT_EQ(status.trunks, 1);
  store_.finish(*claim(), done_with(2));
  const auto second = claim();
  EXPECT_DOUBLE_EQ(store_.status("s").flops_done, 10 * step) << "it starts at step 8";
  store_.heartbeat(*second, 18 * 512);
  EXPECT_DOUBLE_EQ(store_.status("s").flops_done, 20 * step);
  EXPECT_DOUBLE_EQ(store_.status("s").flops_left, (2 + 24 + 8) * step);
}

TEST_F(TrunksTest, AnAttemptKeepsWhatItSpentAndSaw) {
  with_trials(trunk(100, {20}));
  Outcome outcome = done_with(2);
  outcome.tokens = 20 * 512;
  outcome.steps = 20;
  outcome.resumed_at = 8;
  outcome.flops = 12.0 * 6 * 100 * 512;
  outcome.unique_tokens = 5000;
  outcome.epochs = 2;
  outcome.mfu = 0.4;
  store_.finish(*claim(), outcome);
  SQLite::Database db(path_);
  EXPECT_EQ(db.execAndGet("SELECT flops FROM attempts").getDouble(), 12.0 * 6 * 100 * 512);
  EXPECT_EQ(db.execAndGet("SELECT resumed_at FROM attempts").getInt(), 8);
  const TrialRow row = store_.trials("s")[0];
  EXPECT_EQ(row.unique_tokens, 5000);
  EXPECT_EQ(row.epochs, 2);
  EXPECT_EQ(row.mfu, 0.4);
}

TEST_F(TrunksTest, BracketTrialsAreRunAndAreNoResults) {
  auto trials = trunk(100, {10});
  trials.push_back({.trial = tabular_trial(50, 1e6), .role = TrialRole::kBracket});
  with_trials(trials);
  while (const auto next = claim()) store_.finish(*next, done_with(2));
  EXPECT_EQ(store_.results("s").size(), 1u);
  EXPECT_EQ(store_.trials("s")[1].role, TrialRole::kBracket);
  EXPECT_EQ(SQLite::Database(path_).execAndGet("SELECT count(*) FROM results").getInt(), 1);
  trials[1].role = TrialRole::kGrid;
  store_.add_trials("s", trials);
  EXPECT_EQ(store_.results("s").size(), 2u) << "a grid that takes the rate in makes it a point";
}

// --- Against an oracle that reads every row.

struct OracleRow {
  std::int64_t id, setbacks, early;
  double priority, branch;
  std::string trunk, state;
  double seen;  // by heartbeat, of the running attempt
};

std::vector<OracleRow> rows_of(const std::string& path) {
  SQLite::Database db(path);
  SQLite::Statement q(
      db,
      "SELECT t.id, kills + failures, early, priority, branch_tokens, trunk, state,"
      " coalesce((SELECT a.tokens FROM attempts a WHERE a.trial = t.id AND outcome = 'running'), 0)"
      " FROM trials t JOIN study_trials ON trial = t.id WHERE study = 1");
  std::vector<OracleRow> rows;
  while (q.executeStep()) {
    rows.push_back({q.getColumn(0).getInt64(), q.getColumn(1).getInt64(), q.getColumn(2).getInt64(),
                    q.getColumn(3).getDouble(), q.getColumn(4).getDouble(),
                    q.getColumn(5).getString(), q.getColumn(6).getString(),
                    q.getColumn(7).getDouble()});
  }
  return rows;
}

bool in_the_way(const OracleRow& other, const OracleRow& row) {
  if (row.trunk.empty() || other.trunk != row.trunk || other.id == row.id) return false;
  if (other.state == "planned") {
    return std::tie(other.branch, other.id) < std::tie(row.branch, row.id);
  }
  return other.state == "running" && other.branch <= row.branch && other.seen <= other.branch;
}

std::int64_t oracle_next(const std::string& path) {
  const auto rows = rows_of(path);
  const OracleRow* best = nullptr;
  const auto order = [](const OracleRow& r) {
    return std::tuple(r.setbacks, -r.early, -r.priority, r.id);
  };
  for (const OracleRow& row : rows) {
    if (row.state != "planned") continue;
    if (std::any_of(rows.begin(), rows.end(), [&](auto& o) { return in_the_way(o, row); }))
      continue;
    if (best == nullptr || order(row) < order(*best)) best = &row;
  }
  return best == nullptr ? 0 : best->id;
}

class RandomLivesTest : public TrunksTest, public ::testing::WithParamInterface<int> {
 protected:
  void add_some(SplitMix64& random) {
    std::vector<PlannedTrial> trials;
    for (int i = 0; i < 4; ++i) {
      const double params = 100.0 + static_cast<double>(random.below(3));
      const int steps = 10 + static_cast<int>(random.below(20));
      trials.push_back({.trial = random.below(4) == 0 ? tabular_trial(params, 512.0 * steps)
                                                      : trunk_trial(params, steps)});
    }
    store_.add_trials("s", trials);
  }
  void live(SplitMix64& random) {
    if (running_.empty()) return;
    const size_t which = random.below(running_.size());
    const Claim claim = running_[which];
    const auto fate = random.below(8);
    if (fate < 4) {
      store_.heartbeat(claim, claim.trial.train.tokens * random.uniform());
      return;
    }
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
    if (fate == 7) {  // its worker is killed
      sql("UPDATE attempts SET boot_id = 'an earlier boot' WHERE id = " +
          std::to_string(claim.attempt_id));
      store_.release_dead("s", 3);
      return;
    }
    store_.finish(claim, fate == 4   ? done_with(2)
                         : fate == 5 ? ended(OutcomeStatus::kDiverged)
                                     : ended(OutcomeStatus::kInterrupted));
  }

  // The table that triggers keep, and the same counted from every row.
  std::string tallies() {
    return ask(
        "SELECT group_concat(state || trials || ':' || round(flops) || ':' || round(alone))"
        " FROM (SELECT state, sum(trials) AS trials, sum(flops) AS flops, sum(alone) AS alone"
        "       FROM tallies WHERE trials > 0 GROUP BY state ORDER BY state)");
  }
  std::string counted_tallies() {
    return ask(
        "SELECT group_concat(state || n || ':' || round(own) || ':' || round(alone)) FROM"
        " (SELECT state, count(*) AS n, sum(flops_exact * (1 - given / tokens)) AS own,"
        "         sum(flops_exact) AS alone FROM"
        "   (SELECT t.*, CASE trunk WHEN '' THEN 0 ELSE coalesce(lag(branch_tokens)"
        "      OVER (PARTITION BY trunk ORDER BY branch_tokens, t.id), 0) END AS given"
        "    FROM trials t)"
        "  GROUP BY state ORDER BY state)");
  }
  std::string ask(const std::string& text) {
    return SQLite::Database(path_).execAndGet(text).getString();
  }

  std::vector<Claim> running_;
};

TEST_P(RandomLivesTest, TheClaimIsAlwaysWhatTheOracleSays) {
  SplitMix64 random(static_cast<std::uint64_t>(GetParam()));
  store_.add_study("s", "");
  int claims = 0;
  int waits = 0;
  for (int round = 0; round < 250; ++round) {
    if (round % 25 == 0) add_some(random);
    if (random.below(2) == 0) live(random);
    const std::int64_t expected = oracle_next(path_);
    const auto next = claim();
    ASSERT_EQ(next ? next->trial_id : 0, expected) << "round " << round;
    ASSERT_EQ(tallies(), counted_tallies()) << "round " << round;
    claims += next ? 1 : 0;
    waits += !next && store_.has_planned("s") ? 1 : 0;
    if (next) running_.push_back(*next);
  }
  EXPECT_GT(claims, 20);
  EXPECT_GT(waits, 20);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomLivesTest, ::testing::Values(1, 2, 3));

// --- Cost, in steps of SQLite's machine, which do not depend on how busy the computer is.

class ClaimCostTest : public TrunksTest {
 protected:
  // One claim's query and its update with the triggers.
  int steps_of_a_claim() {
    SQLite::Database db(path_, SQLite::OPEN_READWRITE, 10000);
    SQLite::Transaction transaction(db);
    SQLite::Statement next = prepare(db, kNextTrialSql, std::int64_t{1}, 0.0);
    EXPECT_TRUE(next.executeStep());
    SQLite::Statement update =
        prepare(db, "UPDATE trials SET state = 'running', token = token + 1 WHERE id = ?",
                next.getColumn(0).getInt64());
    update.exec();
    return machine_steps(db.getHandle());
  }
  static int machine_steps(sqlite3* db) {
    int steps = 0;
    for (sqlite3_stmt* s = sqlite3_next_stmt(db, nullptr); s; s = sqlite3_next_stmt(db, s)) {
      steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0);
    }
    return steps;
  }
};

TEST_F(ClaimCostTest, AClaimAmongFiveThousandTrialsIsAFewHundredSteps) {
  std::vector<PlannedTrial> trials;
  for (int i = 0; i < 100; ++i) {
    for (int k = 1; k <= 50; ++k) trials.push_back({.trial = trunk_trial(1000 + i, 10 * k)});
  }
  with_trials(trials);
  // Measured 306 with SQLite 3.40; a scan of the queue would be 5,000 rows of 10 steps each.
  const int alone = steps_of_a_claim();
  EXPECT_LT(alone, 600);
  // Each running trial's trunk is passed over: two looks into an index, 38 steps.
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(claim());
  EXPECT_LT(steps_of_a_claim(), alone + 16 * 60);
  // Done trials cost nothing.
  sql("UPDATE trials SET state = 'done' WHERE id % 50 > 2");
  EXPECT_LT(steps_of_a_claim(), alone + 16 * 60);
}

}  // namespace
}  // namespace isoflop
