// A store of version 1 becomes one of today's version where it lies.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "db/migrations.h"
#include "db/schema.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// Version 1's own text: a released migration never changes, or old stores would differ from new.
TEST(MigrationTest, ReleasedMigrationsAreAsTheyWere) {
  EXPECT_EQ(sha256(migrations()[0]),
            "5bc6c91f93ecd4c04077f69cebe73f5b1965eaa3fdab33ad233c7aa8e98efdaa");
  EXPECT_EQ(sha256(migrations()[1]),
            "98c65c7346d08ea6d377f01e5a65a947791d32937c365f51eea7edd17c1e8a06");
  EXPECT_EQ(sha256(migrations()[2]),
            "f50f25acf08e0dbaf8bab39020dfd8d3c4a8aba4659e0a02c36e9e5daba48445");
  EXPECT_EQ(sha256(migrations()[3]),
            "daad9b408310a4aa466a34eeef55b3c29a9da4de84d751c223e272864c6eeabf");
  EXPECT_EQ(sha256(migrations()[4]),
            "e1bd5f31c1a92615786285a0e45b844d9af2521d0b73a338e95b5f73fd04866e");
}

// What the program of version 1 left behind: one trial done, one failed, one killed and planned
// again, one planned, in two studies, with a curve.
constexpr const char* kOldRows = R"sql(
INSERT INTO studies VALUES (1, 's', 'grid', 1.5, '0.1'), (2, 'other', 'grid', 2.5, '0.1');
INSERT INTO trials (id, identity, spec, trainer, seed, params, params_embedding, params_positions,
    params_attention, params_feed_forward, params_norms, params_head, tokens, flops_6nd,
    flops_exact, priority, state, token, kills) VALUES
  (1, 'a', '{"trainer":"tabular","tabular_params":1000,"train.tokens":500,"recipe_version":1}',
   'tabular', 1, 1000, 0, 0, 0, 0, 0, 0, 500, 3e6, 3e6, 3e6, 'done', 1, 0),
  (2, 'b', '{"trainer":"tabular","tabular_params":2000,"train.tokens":500,"recipe_version":1}',
   'tabular', 1, 2000, 0, 0, 0, 0, 0, 0, 500, 6e6, 6e6, 6e6, 'failed', 1, 0),
  (3, 'c', '{"trainer":"tabular","tabular_params":3000,"train.tokens":500,"recipe_version":1}',
   'tabular', 1, 3000, 0, 0, 0, 0, 0, 0, 500, 9e6, 9e6, 9e6, 'planned', 1, 1),
  (4, 'd', '{"trainer":"tabular","tabular_params":4000,"train.tokens":500,"recipe_version":1}',
   'tabular', 1, 4000, 0, 0, 0, 0, 0, 0, 500, 12e6, 12e6, 12e6, 'planned', 0, 0);
INSERT INTO study_trials VALUES (1, 1, 0, 1e6), (1, 2, 1, 1e6), (1, 3, 2, NULL), (2, 4, 0, NULL),
  (2, 3, 1, NULL);
INSERT INTO attempts (id, trial, number, token, host, boot_id, pid_namespace, pid, start_ticks,
    device, version, compiler, started, heartbeat, ended, outcome, reason, steps, tokens, seconds)
  VALUES
  (1, 1, 1, 1, 'h', 'b', 1, 2, 3, 'cpu', '0.1', 'c', 10, 20, 20, 'done', '', 9, 500, 10),
  (2, 2, 1, 1, 'h', 'b', 1, 2, 3, 'cpu', '0.1', 'c', 10, 20, 20, 'failed', 'no disk', 3, 100, 10),
  (3, 3, 1, 1, 'h', 'b', 1, 2, 3, 'cpu', '0.1', 'c', 10, 20, 20, 'killed', 'killed', 0, 100, 10);
INSERT INTO curve_points VALUES (1, 1, 50, 3e5, 5.5, 5.6, 0.01, 1, 0.1);
INSERT INTO evaluations VALUES (1, 'heldout', 2.5, 0.01, NULL, 4096, NULL, NULL);
INSERT INTO observations (source, row, label, params, tokens, flops, convention, loss, loss_error,
    budget, seed, added) VALUES
  ('epoch.csv', 0, 'first', 1e8, 2e9, 1.2e18, '6nd', 3.25, 0.01, 1e18, 7, 30.5),
  ('epoch.csv', 1, '', 2e8, 2e9, 2.4e18, '6nd', 3.125, 0, NULL, 0, 31.5),
  ('kaplan.csv', 0, '', 2e8, 2e9, 2e18, 'kaplan', 3.5, 0, NULL, 0, 32.5);
)sql";

class OldStoreTest : public ::testing::Test {
 protected:
  OldStoreTest() {
    SQLite::Database db(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Transaction transaction(db);
    db.exec(migrations()[0]);
    db.exec(kOldRows);
    db.exec("PRAGMA application_id = 1769172838");  // "isof"
    db.exec("PRAGMA user_version = 1");
    transaction.commit();
  }
  std::string ask(const std::string& text) {
    return SQLite::Database(path_).execAndGet(text).getString();
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
};

TEST_F(OldStoreTest, KeepsEverythingItHeld) {
  const Store store(path_);
  EXPECT_EQ(ask("PRAGMA user_version"), std::to_string(schema_version()));
  EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(ask("SELECT count(*) FROM pragma_foreign_key_check"), "0");
  const auto rows = store.trials("s");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].loss, 2.5);
  EXPECT_EQ(rows[0].role, TrialRole::kGrid);
  EXPECT_FALSE(rows[0].epochs);
  EXPECT_EQ(rows[1].reason, "no disk");
  EXPECT_EQ(rows[2].state, "planned");
  EXPECT_EQ(store.curve(1)[0].heldout_loss, 5.6);
  EXPECT_FALSE(store.curve(1)[0].heldout_error);
  EXPECT_FALSE(store.curve(1)[0].router);
  EXPECT_EQ(rows[1].params, 2000);
  EXPECT_EQ(rows[1].active_params, 2000) << "what was there before is dense";
  EXPECT_EQ(store.results("s").size(), 1u);
  EXPECT_EQ(ask("SELECT loss FROM results"), "2.5");
}

// Nothing wrote that table, but what somebody put into it is not lost.
TEST_F(OldStoreTest, RowsOfOtherPeoplesTablesBecomeImportsOfAStudyEach) {
  const Store store(path_);
  const auto runs = store.imported_results("imported epoch.csv (6nd)");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0], (Observation{.params = 1e8,
                                  .tokens = 2e9,
                                  .flops = 1.2e18,
                                  .loss = 3.25,
                                  .loss_error = 0.01,
                                  .budget = 1e18,
                                  .seed = 7,
                                  .trial = "first",
                                  .row = 0}));
  EXPECT_EQ(runs[1].row, 1);
  const auto other = store.imported("imported kaplan.csv (kaplan)");
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(other[0].convention, FlopConvention::kKaplan);
  EXPECT_EQ(other[0].runs[0].observation.loss, 3.5);
  EXPECT_EQ(store.imports().size(), 2u);
  EXPECT_EQ(store.imported_results("s").size(), 0u);
}

TEST_F(OldStoreTest, CountsWhatItsAttemptsSpentWhereThatIsKnown) {
  const Store store(path_);
  EXPECT_EQ(ask("SELECT flops FROM attempts WHERE id = 1"), "3000000.0");
  EXPECT_EQ(ask("SELECT flops FROM attempts WHERE id = 2"), "1200000.0");
  EXPECT_EQ(ask("SELECT count(*) FROM attempts WHERE flops IS NULL"), "1") << "the killed one";
  const SweepStatus status = store.status("s");
  EXPECT_DOUBLE_EQ(status.flops_total, 18e6);
  EXPECT_DOUBLE_EQ(status.flops_done, 9e6);
  EXPECT_EQ(status.trunks, 0);
}

TEST_F(OldStoreTest, QueuesItsPlannedTrialsInTheirOrder) {
  const Store store(path_);
  EXPECT_EQ(ask("SELECT group_concat(study || ':' || trial) FROM"
                " (SELECT * FROM queue WHERE head = 1 ORDER BY study, setbacks, priority DESC)"),
            "1:3,2:4,2:3");
}

// Its trials have fewer fields than today's; to run them would be to guess the others.
TEST_F(OldStoreTest, ItsPlannedTrialsAreRefusedAsAnotherVersions) {
  Store store(path_);
  try {
    store.claim_next("s", this_worker());
    FAIL() << "was claimed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kStore);
    EXPECT_THAT(error.what(), HasSubstr("another version of isoflop"));
  }
  EXPECT_EQ(store.status("s").planned, 1) << "nothing of the claim is left";
}

TEST_F(OldStoreTest, TakesTodaysTrials) {
  Store store(path_);
  const std::vector<PlannedTrial> planned{{.trial = trunk_trial(100, 10)},
                                          {.trial = trunk_trial(100, 20)}};
  store.add_study("new", "");
  store.add_trials("new", planned);
  EXPECT_EQ(store.claim_next("new", this_worker())->trial, planned[0].trial);
}

TEST_F(OldStoreTest, AReaderLeavesItAloneAndSaysWhatBringsItUpToDate) {
  try {
    const Store store(path_, StoreMode::kReadOnly);
    FAIL() << "was opened";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("older schema version 1"));
  }
  EXPECT_EQ(ask("PRAGMA user_version"), "1");
}

}  // namespace
}  // namespace isoflop
