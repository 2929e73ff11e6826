#include "db/schema.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "db/file_system.h"
#include "db/store_impl.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SchemaTest : public ::testing::Test {
 protected:
  void sql(const std::string& text) {
    SQLite::Database(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec(text);
  }
  std::string ask(const std::string& text) {
    return SQLite::Database(path_).execAndGet(text).getString();
  }
  std::string refused(StoreMode mode) {
    try {
      const Store store(path_, mode);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kStore);
      return error.what();
    }
    return "was not refused";
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
};

TEST_F(SchemaTest, AnEmptyFileOfVersionZeroIsMigrated) {
  std::ofstream(path_).close();
  Store(path_, StoreMode::kReadWrite).add_study("s", "");
  EXPECT_EQ(ask("PRAGMA user_version"), std::to_string(schema_version()));
}

TEST_F(SchemaTest, OpeningAgainChangesNothing) {
  Store(path_, StoreMode::kCreate).add_study("s", "grid");
  const std::string before = ask("SELECT group_concat(sql) FROM sqlite_master");
  const Store again(path_, StoreMode::kCreate);
  EXPECT_EQ(ask("SELECT group_concat(sql) FROM sqlite_master"), before);
  EXPECT_EQ(again.studies().front().grid, "grid");
}

TEST_F(SchemaTest, AStoreOfANewerProgramIsRefusedByVersion) {
  Store(path_, StoreMode::kCreate).add_study("s", "");
  sql("PRAGMA user_version = 999");
  for (const StoreMode mode : {StoreMode::kReadOnly, StoreMode::kReadWrite, StoreMode::kCreate}) {
    EXPECT_THAT(refused(mode), HasSubstr("schema version 999"));
  }
  EXPECT_EQ(ask("PRAGMA user_version"), "999");
}

TEST_F(SchemaTest, SomebodyElsesSqliteFileIsRefusedAndLeftAlone) {
  sql("CREATE TABLE recipes (name TEXT)");
  for (const StoreMode mode : {StoreMode::kReadOnly, StoreMode::kCreate}) {
    EXPECT_THAT(refused(mode), HasSubstr("not a store"));
  }
  EXPECT_EQ(ask("SELECT count(*) FROM sqlite_master"), "1");
}

TEST_F(SchemaTest, AFileThatIsNotSqliteIsRefused) {
  std::ofstream(path_) << std::string(4096, 'x');
  EXPECT_THAT(refused(StoreMode::kCreate), HasSubstr("not a SQLite file"));
}

TEST_F(SchemaTest, AMissingFileIsAUsageErrorUnlessItMayBeMade) {
  for (const StoreMode mode : {StoreMode::kReadOnly, StoreMode::kReadWrite}) {
    try {
      const Store store(path_, mode);
      ADD_FAILURE() << "was opened";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  }
}

TEST_F(SchemaTest, AFolderThatDoesNotExistIsNamed) {
  path_ = folder_.file("no/such/runs.db");
  EXPECT_THAT(refused(StoreMode::kCreate), HasSubstr("folder exists"));
}

TEST_F(SchemaTest, TheDatabaseItselfKeepsATrialFromRunningOrFinishingTwice) {
  Store store(path_, StoreMode::kCreate);
  store.add_study("s", "");
  store.add_trials("s", tabular_trials(1));
  ASSERT_TRUE(store.claim_next("s", this_worker()));
  const std::string copy =
      "INSERT INTO attempts (trial, number, token, host, boot_id, pid_namespace, pid, start_ticks,"
      " device, version, compiler, started, heartbeat, outcome) SELECT trial, number + 1, token,"
      " host, boot_id, pid_namespace, pid, start_ticks, device, version, compiler, started,"
      " heartbeat, ";
  EXPECT_THROW(sql(copy + "'running' FROM attempts"), SQLite::Exception);
  sql("UPDATE attempts SET outcome = 'done'");
  EXPECT_THROW(sql(copy + "'done' FROM attempts"), SQLite::Exception);
  EXPECT_THROW(sql("UPDATE trials SET state = 'finnished'"), SQLite::Exception);
}

TEST_F(SchemaTest, AClaimIsOneStepIntoAnIndexHoweverManyTrialsThereAre) {
  Store(path_, StoreMode::kCreate).add_study("s", "");
  SQLite::Database db(path_);
  SQLite::Statement plan(db, std::string("EXPLAIN QUERY PLAN ") + kNextTrialSql);
  std::string text;
  while (plan.executeStep()) text += plan.getColumn("detail").getString() + "\n";
  EXPECT_THAT(text, HasSubstr("SEARCH q USING INDEX queue_order (study=?)"));
  EXPECT_THAT(text, HasSubstr("SEARCH t USING INDEX trials_state_trunk (state=? AND trunk=?)"));
  EXPECT_THAT(text, HasSubstr("SEARCH a USING INDEX attempts_one_running (trial=?)"));
  EXPECT_THAT(text, Not(HasSubstr("SCAN")));
  EXPECT_THAT(text, Not(HasSubstr("TEMP B-TREE"))) << "a sort";
}

TEST_F(SchemaTest, AStateChangedByHandQueuesTheTrialAgain) {
  Store store(path_, StoreMode::kCreate);
  store.add_study("s", "");
  store.add_trials("s", tabular_trials(1));
  ASSERT_TRUE(
      store.finish(*store.claim_next("s", this_worker()), {.reason = "no disk"}, {.bugs = 0}));
  ASSERT_FALSE(store.claim_next("s", this_worker()));
  sql("UPDATE trials SET state = 'planned' WHERE state = 'failed'");
  EXPECT_TRUE(store.claim_next("s", this_worker()));
}

TEST(FileSystemTest, KnowsTheFileSystemsThatHostsShare) {
  for (const std::uint32_t magic : {0x6969u, 0xFF534D42u, 0x0BD00BD0u, 0x47504653u, 0x00C36400u}) {
    EXPECT_TRUE(network_file_system(magic)) << std::hex << magic;
  }
  // ext4, XFS, Btrfs, tmpfs, overlay, FUSE, 9p
  for (const std::uint32_t magic :
       {0xEF53u, 0x58465342u, 0x9123683Eu, 0x01021994u, 0x794C7630u, 0x65735546u, 0x01021997u}) {
    EXPECT_FALSE(network_file_system(magic)) << std::hex << magic;
  }
}

}  // namespace
}  // namespace isoflop
