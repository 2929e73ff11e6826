// docs/schema.md is part of the interface: its queries run, and its tables are the store's.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/db/test_store.h"

namespace isoflop {
namespace {

std::string page() {
  std::ifstream file(ISOFLOP_SOURCE_DIR "/docs/schema.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> queries(const std::string& text) {
  std::vector<std::string> found;
  const std::string open = "```sql\n";
  for (size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    at += open.size();
    found.push_back(text.substr(at, text.find("```", at) - at));
  }
  return found;
}

Trial decoder_trial(std::int64_t seed) {
  Trial trial;
  trial.train.tokens = 4096;
  trial.seed = seed;
  return trial;
}

// Two seeds done, one failed, one running.
void fill(Store& store) {
  store.add_study("s", "");
  std::vector<PlannedTrial> trials;
  for (int seed = 1; seed <= 4; ++seed) {
    trials.push_back({.trial = decoder_trial(seed), .budget = 1e9});
  }
  store.add_trials("s", trials);
  const WorkerId self = this_worker();
  for (int i = 0; i < 2; ++i) {
    const auto claim = store.claim_next("s", self);
    const std::vector<CurvePoint> points{{.step = 1, .tokens = 512, .train_loss = 5.5}};
    store.append_curve(*claim, points);
    store.finish(*claim, done_with(3 + 0.01 * i));
  }
  store.finish(*store.claim_next("s", self), {.reason = "no space left on device"});
  store.claim_next("s", self);
  store.add_import(
      "s", {.path = "runs.csv",
            .runs = {{.source_id = "a",
                      .observation = {.params = 1e8, .tokens = 2e9, .flops = 1.2e18, .loss = 3}}}});
}

TEST(SchemaDocTest, EveryQueryOfThePageGivesRows) {
  const TemporaryFolder folder;
  Store store(folder.file("runs.db"), StoreMode::kCreate);
  fill(store);
  SQLite::Database db(folder.file("runs.db"));
  const auto all = queries(page());
  EXPECT_EQ(all.size(), 11u);
  for (const std::string& sql : all) {
    SQLite::Statement query(db, sql);
    EXPECT_TRUE(query.executeStep()) << "no rows:\n" << sql;
  }
}

TEST(SchemaDocTest, EveryTableAndColumnIsOnThePage) {
  const TemporaryFolder folder;
  const Store store(folder.file("runs.db"), StoreMode::kCreate);
  SQLite::Database db(folder.file("runs.db"));
  const std::string text = page();
  SQLite::Statement columns(db,
                            "SELECT m.name, c.name FROM sqlite_master m"
                            " JOIN pragma_table_info(m.name) c WHERE m.type = 'table'");
  while (columns.executeStep()) {
    const std::string table = columns.getColumn(0).getString();
    const size_t section = text.find("### " + table + ":");
    ASSERT_NE(section, std::string::npos) << table;
    const std::string about = text.substr(section, text.find("\n#", section + 1) - section);
    EXPECT_NE(about.find("`" + columns.getColumn(1).getString() + "`"), std::string::npos)
        << table << "." << columns.getColumn(1).getString();
  }
}

}  // namespace
}  // namespace isoflop
