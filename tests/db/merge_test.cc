#include "db/merge.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "core/error.h"
#include "db/schema.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

class MergeTest : public ::testing::Test {
 protected:
  static void plan(Store& store, const std::string& study,
                   const std::vector<PlannedTrial>& trials) {
    store.add_study(study, "grid of " + study);
    store.add_trials(study, trials);
  }
  static std::vector<PlannedTrial> some(int from, int to) {
    std::vector<PlannedTrial> trials;
    for (int i = from; i < to; ++i) trials.push_back({.trial = tabular_trial(1000 + i, 1e6)});
    return trials;
  }
  // Ends the next `count` trials, each with a curve of 3 points.
  static void work(Store& store, const std::string& study, int count, double shift = 0) {
    for (int i = 0; i < count; ++i) {
      const auto claim = store.claim_next(study, this_worker());
      ASSERT_TRUE(claim);
      store.append_curve(*claim, std::vector<CurvePoint>{{.step = 1}, {.step = 2}, {.step = 3}});
      ASSERT_TRUE(store.finish(*claim, done_with(loss_of(claim->trial) + shift)));
    }
  }
  static double loss_of(const Trial& trial) { return 3 + trial.tabular_params / 1e6; }

  std::string path(const std::string& name) const { return folder_.file(name); }
  static std::string ask(const std::string& path, const std::string& sql) {
    return SQLite::Database(path).execAndGet(sql).getString();
  }
  // Everything in the file, but for what is counted by the row.
  static std::string content(const std::string& path) {
    SQLite::Database db(path);
    std::ostringstream text;
    for (const char* table :
         {"studies", "trials", "study_trials", "attempts", "curve_points", "evaluations", "queue",
          "tallies", "spent", "corpora", "fits", "imports", "imported_runs", "imported_points"}) {
      SQLite::Statement rows(db, std::string("SELECT * FROM ") + table + " ORDER BY 1, 2, 3");
      while (rows.executeStep()) {
        for (int i = 0; i < rows.getColumnCount(); ++i) text << rows.getColumn(i).getText() << "|";
        text << "\n";
      }
    }
    return text.str();
  }
  static std::string bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  TemporaryFolder folder_;
  Store a_{path("a.db"), StoreMode::kCreate};
  Store b_{path("b.db"), StoreMode::kCreate};
};

TEST_F(MergeTest, SparseTrialsComeWithTheirActiveParametersAndTheirRoutersStatistics) {
  Trial sparse;
  sparse.model.experts = 4;
  sparse.train.tokens = 4096;
  plan(b_, "s", {{.trial = sparse}});
  const RouterStats stats{1, 2, 3, 4, 5, 6};
  const auto claim = b_.claim_next("s", this_worker());
  b_.append_curve(*claim, std::vector<CurvePoint>{{.step = 1, .router = stats}});
  ASSERT_TRUE(b_.finish(*claim, done_with(3)));
  merge_store(a_, path("b.db"));
  const TrialRow row = a_.trials("s").at(0);
  EXPECT_EQ(row.active_params, active_params_of(sparse));
  EXPECT_EQ(a_.curve(row.id).at(0).router, stats);
  EXPECT_EQ(ask(path("a.db"), "SELECT params_router FROM trials"),
            std::to_string(count_params(sparse.model).router));
}

TEST_F(MergeTest, TwoHalvesOfAStudyBecomeOne) {
  plan(a_, "s", some(0, 6));
  plan(b_, "s", some(0, 6));
  for (int i = 0; i < 3; ++i) work(a_, "s", 1);
  work(b_, "s", 6);
  const Merged merged = merge_store(a_, path("b.db"));
  EXPECT_EQ(merged.studies, 0);
  EXPECT_EQ(merged.trials, 0);
  EXPECT_EQ(merged.attempts, 6);
  EXPECT_EQ(merged.curve_points, 18);
  EXPECT_EQ(merged.results, 3);
  EXPECT_EQ(merged.duplicates, 3);
  EXPECT_THAT(merged.conflicts, IsEmpty());
  EXPECT_EQ(a_.status("s").done, 6);
  EXPECT_FALSE(a_.has_planned("s"));
  EXPECT_THAT(a_.results("s"), SizeIs(6));
  for (const TrialRow& row : a_.trials("s")) {
    EXPECT_THAT(row.loss, Optional(loss_of(row.trial)));
    EXPECT_THAT(a_.curve(row.id), SizeIs(3));
  }
  EXPECT_DOUBLE_EQ(a_.status("s").seconds, 9 * 0.5);
  EXPECT_DOUBLE_EQ(a_.status("s").flops_done, a_.status("s").flops_total);
}

TEST_F(MergeTest, IntoAnEmptyStoreItIsACopy) {
  plan(b_, "one", some(0, 4));
  plan(b_, "two", some(2, 6));
  work(b_, "one", 3);
  b_.add_corpus({.identity = "id", .name = "n", .path = "p", .manifest = "{}"});
  const Merged merged = merge_store(a_, path("b.db"));
  EXPECT_EQ(merged.studies, 2);
  EXPECT_EQ(merged.trials, 6);
  EXPECT_EQ(merged.results, 3);
  for (const char* study : {"one", "two"}) {
    const auto mine = a_.trials(study), theirs = b_.trials(study);
    ASSERT_EQ(mine.size(), theirs.size());
    for (std::size_t i = 0; i < mine.size(); ++i) {
      EXPECT_EQ(mine[i].identity, theirs[i].identity);
      EXPECT_EQ(mine[i].state, theirs[i].state);
      EXPECT_EQ(mine[i].loss, theirs[i].loss);
    }
    const SweepStatus s = a_.status(study), t = b_.status(study);
    EXPECT_EQ(s.planned, t.planned);
    EXPECT_EQ(s.done, t.done);
    EXPECT_DOUBLE_EQ(s.flops_total, t.flops_total);
    EXPECT_DOUBLE_EQ(s.seconds, t.seconds);
  }
  EXPECT_TRUE(a_.find_corpus("id"));
  // What is left can be claimed in the same order.
  const auto mine = a_.claim_next("one", this_worker()),
             theirs = b_.claim_next("one", this_worker());
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ(mine->identity, theirs->identity);
}

TEST_F(MergeTest, AgainItChangesNothing) {
  plan(a_, "s", some(0, 4));
  plan(b_, "s", some(2, 8));
  work(a_, "s", 2);
  work(b_, "s", 5);
  merge_store(a_, path("b.db"));
  const std::string once = content(path("a.db"));
  const Merged again = merge_store(a_, path("b.db"));
  EXPECT_EQ(again.attempts + again.trials + again.studies + again.curve_points + again.results, 0);
  EXPECT_EQ(again.duplicates, 0);
  EXPECT_EQ(content(path("a.db")), once);
}

TEST_F(MergeTest, TheOtherFileIsNotTouched) {
  plan(a_, "s", some(0, 2));
  {
    Store c(path("c.db"), StoreMode::kCreate);
    plan(c, "s", some(0, 4));
    work(c, "s", 3);
  }
  const std::string before = bytes(path("c.db"));
  merge_store(a_, path("c.db"));
  EXPECT_EQ(bytes(path("c.db")), before);
  EXPECT_EQ(a_.status("s").done, 3);
}

TEST_F(MergeTest, ACopyBringsOnlyWhatIsNewInIt) {
  plan(a_, "s", some(0, 6));
  work(a_, "s", 2);
  const auto running = a_.claim_next("s", this_worker());
  ASSERT_TRUE(running);
  SQLite::Database(path("a.db"), SQLite::OPEN_READWRITE).exec("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::copy_file(path("a.db"), path("copy.db"));
  {
    Store copy(path("copy.db"));
    work(copy, "s", 2);
  }
  const Merged merged = merge_store(a_, path("copy.db"));
  EXPECT_EQ(merged.attempts, 2);
  EXPECT_EQ(merged.results, 2);
  EXPECT_EQ(a_.status("s").running, 1);
  EXPECT_TRUE(a_.heartbeat(*running, 5)) << "its own worker goes on";
}

TEST_F(MergeTest, OfTwoResultsTheOneThatIsThereStays) {
  plan(a_, "s", some(0, 2));
  plan(b_, "s", some(0, 2));
  work(a_, "s", 2);
  work(b_, "s", 2, 0.25);
  const Merged merged = merge_store(a_, path("b.db"));
  EXPECT_EQ(merged.results, 0);
  EXPECT_EQ(merged.duplicates, 0);
  ASSERT_THAT(merged.conflicts, SizeIs(2));
  for (const ConflictRow& row : merged.conflicts) {
    EXPECT_DOUBLE_EQ(row.other, row.loss + 0.25);
    EXPECT_EQ(row.heldout, "heldout");
    EXPECT_EQ(row.host, this_worker().host);
  }
  for (const TrialRow& row : a_.trials("s")) EXPECT_THAT(row.loss, Optional(loss_of(row.trial)));
  EXPECT_THAT(a_.conflicts("s"), SizeIs(2)) << "and can be asked for later";
  EXPECT_THAT(merge_store(a_, path("b.db")).conflicts, IsEmpty()) << "reported once";
}

TEST_F(MergeTest, WhatRunsThereIsLostUntilItHasEnded) {
  plan(a_, "s", some(0, 2));
  plan(b_, "s", some(0, 2));
  const auto claim = b_.claim_next("s", this_worker());
  b_.append_curve(*claim, std::vector<CurvePoint>{{.step = 1}});
  b_.heartbeat(*claim, 100);
  EXPECT_EQ(merge_store(a_, path("b.db")).attempts, 1);
  EXPECT_EQ(a_.status("s").planned, 2);
  EXPECT_EQ(ask(path("a.db"), "SELECT outcome FROM attempts"), "lost");
  b_.append_curve(*claim, std::vector<CurvePoint>{{.step = 2}});
  b_.finish(*claim, done_with(3));
  const Merged merged = merge_store(a_, path("b.db"));
  EXPECT_EQ(merged.attempts, 0);
  EXPECT_EQ(merged.results, 1);
  EXPECT_EQ(merged.curve_points, 1);
  EXPECT_EQ(a_.status("s").done, 1);
  EXPECT_DOUBLE_EQ(a_.status("s").seconds, 0.5);
  EXPECT_EQ(ask(path("a.db"), "SELECT count(*) FROM attempts"), "1");
}

TEST_F(MergeTest, AResultEndsATrialThatRunsHere) {
  plan(a_, "s", some(0, 1));
  plan(b_, "s", some(0, 1));
  const auto claim = a_.claim_next("s", this_worker());
  work(b_, "s", 1);
  EXPECT_EQ(merge_store(a_, path("b.db")).results, 1);
  EXPECT_FALSE(a_.heartbeat(*claim, 5));
  EXPECT_FALSE(a_.finish(*claim, done_with(7)));
  EXPECT_EQ(a_.status("s").running, 0);
  EXPECT_EQ(a_.status("s").done, 1);
}

TEST_F(MergeTest, FailuresAndLeasesAreTakenAsTheyAre) {
  plan(b_, "s", some(0, 4));
  plan(a_, "s", some(0, 1));
  const RetryPolicy once{.bugs = 0};
  for (const auto status : {OutcomeStatus::kFailed, OutcomeStatus::kDiverged}) {
    const auto claim = b_.claim_next("s", this_worker());
    b_.finish(*claim, {.status = status, .reason = "why"}, once);
  }
  std::vector<std::int64_t> leased;
  for (const TrialRow& row : b_.trials("s")) leased.push_back(row.id);
  ASSERT_EQ(b_.lease_out("s", leased, "slurm 1").size(), 2u);
  merge_store(a_, path("b.db"));
  const SweepStatus status = a_.status("s");
  EXPECT_EQ(status.failed, 1);
  EXPECT_EQ(status.diverged, 1);
  EXPECT_EQ(status.planned, 2) << "a lease is the other store's";
  EXPECT_EQ(status.leased, 0);
}

TEST_F(MergeTest, ATrialThatIsRetriedHereStaysPlanned) {
  plan(b_, "s", some(0, 1));
  const auto claim = b_.claim_next("s", this_worker());
  b_.finish(*claim, {.status = OutcomeStatus::kFailed, .reason = "why"}, {.bugs = 0});
  merge_store(a_, path("b.db"));
  ASSERT_EQ(a_.status("s").failed, 1);
  ASSERT_EQ(a_.retry("s", {.failed = true}), 1);
  merge_store(a_, path("b.db"));
  EXPECT_EQ(a_.status("s").planned, 1) << "nothing new was said of it";
}

TEST_F(MergeTest, AttemptFilesThatBothHaveCollectedAreOneAttempt) {
  plan(a_, "s", some(0, 1));
  plan(b_, "s", some(0, 1));
  const ForeignAttempt attempt{.origin = "x",
                               .identity = identity(some(0, 1)[0].trial),
                               .worker = {.host = "node1"},
                               .started = 1e9,
                               .heartbeat = 1e9,
                               .outcome = done_with(3)};
  a_.import_attempt(attempt);
  b_.import_attempt(attempt);
  const Merged merged = merge_store(a_, path("b.db"));
  EXPECT_EQ(merged.attempts, 0);
  EXPECT_EQ(merged.duplicates, 0);
}

TEST_F(MergeTest, TrunksAreClaimedInOrderAfterwards) {
  std::vector<PlannedTrial> mine, theirs;
  for (const int steps : {40, 80}) mine.push_back({.trial = trunk_trial(1e3, steps)});
  for (const int steps : {20, 60}) theirs.push_back({.trial = trunk_trial(1e3, steps)});
  plan(a_, "s", mine);
  plan(b_, "s", theirs);
  merge_store(a_, path("b.db"));
  EXPECT_EQ(a_.status("s").trunks, 1);
  const auto first = a_.claim_next("s", this_worker());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->trial, theirs[0].trial);
  EXPECT_FALSE(a_.claim_next("s", this_worker()));
  // The trunk is paid for once: 0.2 of each, and 0.8 of the longest.
  const SweepStatus status = a_.status("s");
  const double per_step = status.flops_alone / (20 + 40 + 60 + 80);
  EXPECT_NEAR(status.flops_total / per_step, 0.2 * (20 + 40 + 60 + 80) + 0.8 * 80, 1e-9 * 200);
}

TEST_F(MergeTest, WhatCannotBeMergedIsRefusedBeforeAnythingIsWritten) {
  plan(a_, "s", some(0, 1));
  const std::string before = content(path("a.db"));
  const auto message = [&](const std::string& other) {
    try {
      merge_store(a_, other);
    } catch (const Error& error) {
      return std::to_string(error.exit_code()) + " " + error.what();
    }
    return std::string();
  };
  EXPECT_THAT(message(path("nothing.db")), HasSubstr("no such file"));
  EXPECT_THAT(message(path("a.db")), HasSubstr("is the store"));
  std::ofstream(path("text.db")) << std::string(2000, 'x');
  EXPECT_THAT(message(path("text.db")), HasSubstr("5 store: " + path("text.db")));
  plan(b_, "s", some(0, 3));
  SQLite::Database other(path("b.db"), SQLite::OPEN_READWRITE);
  other.exec("PRAGMA user_version = " + std::to_string(schema_version() + 1));
  EXPECT_THAT(message(path("b.db")), HasSubstr("newer isoflop"));
  other.exec("PRAGMA user_version = " + std::to_string(schema_version() - 1));
  EXPECT_THAT(message(path("b.db")), HasSubstr("older schema"));
  EXPECT_EQ(content(path("a.db")), before);
}

TEST_F(MergeTest, AnOddPathIsAPath) {
  const std::string odd = path("odd 100%25?mode=rw#x.db");
  {
    Store c(odd, StoreMode::kCreate);
    plan(c, "s", some(0, 2));
    work(c, "s", 1);
  }
  EXPECT_EQ(merge_store(a_, odd).results, 1);
}

}  // namespace
}  // namespace isoflop
