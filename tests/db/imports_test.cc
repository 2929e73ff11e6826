// Other tools' runs in the store: taken in, taken in again, taken back.
#include <SQLiteCpp/SQLiteCpp.h>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sstream>

#include "core/error.h"
#include "db/merge.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ImportedRun foreign_run(const std::string& name, double params, double loss) {
  return {.source_id = name,
          .observation = {.params = params,
                          .tokens = 20 * params,
                          .flops = 120 * params * params,
                          .loss = loss,
                          .trial = name},
          .derived = "",
          .provenance = R"({"name":")" + name + R"("})",
          .line = 2};
}

// A row that uses every field, with numbers that do not survive a careless print.
ImportedRun full_run() {
  return {.source_id = "run \"7\"",
          .observation = {.params = 1.0 / 3 * 1e9,
                          .tokens = std::nextafter(2e10, 0),
                          .flops = 1.2345678901234567e20,
                          .loss = 0.1 + 0.2,
                          .loss_error = 1e-17,
                          .budget = 6e18 / 7,
                          .seed = -3,
                          .trial = "it's a label, 100 %",
                          .row = 0,
                          .run = "sweep/7",
                          .extra = {{"unique_tokens", 1.0 / 7}, {"experts", 8}, {"score", 5e-324}}},
          .derived = "tokens = flops / (6 params) [6nd]",
          .provenance = R"({"Model Size":"2.8B","ü":null})",
          .line = 12,
          .points = {{.step = 1, .tokens = 1e6, .train_loss = 10.9},
                     {.step = 250,
                      .tokens = 0,
                      .train_loss = 4.0 / 3,
                      .heldout_loss = 3.1,
                      .rate = 1e-3,
                      .grad_norm = 0.7,
                      .seconds = 12.5}}};
}

RunImport source_of(const std::string& path, std::vector<ImportedRun> runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].observation.row = static_cast<std::int64_t>(i);
  }
  return {.format = "csv",
          .path = path,
          .sha256 = "sha of " + path,
          .fields = {{.field = "params", .column = "Model Size", .how = "--map"},
                     {.field = "tokens", .column = "", .how = "derived, \"so\""}},
          .runs = std::move(runs),
          .dropped = {{.line = 4, .why = "val_bpb is empty"}},
          .notes = {"one note", "another \\ note"}};
}

class ImportsTest : public ::testing::Test {
 protected:
  std::string ask(const std::string& sql) {
    return SQLite::Database(path_).execAndGet(sql).getString();
  }
  // All that the tables hold.
  static std::string content(const std::string& path) {
    SQLite::Database db(path);
    std::ostringstream text;
    for (const char* table : {"studies", "imports", "imported_runs", "imported_points"}) {
      SQLite::Statement rows(db, std::string("SELECT * FROM ") + table + " ORDER BY 1, 2");
      while (rows.executeStep()) {
        for (int i = 0; i < rows.getColumnCount(); ++i) text << rows.getColumn(i).getText() << "|";
        text << "\n";
      }
    }
    return text.str();
  }
  template <class F>
  static std::string refused(const std::string& code, F&& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "was not refused";
    return "";
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("runs.db");
  Store store_{path_, StoreMode::kCreate};
};

TEST_F(ImportsTest, WhatGoesInComesOutToTheBit) {
  const RunImport given = source_of("runs.csv", {full_run(), foreign_run("b", 1e8, 3)});
  const AddedImport added = store_.add_import("s", given);
  EXPECT_EQ(added.added, 2);
  EXPECT_EQ(added.replaced + added.unchanged + added.kept, 0);
  const auto read = store_.imported("s", true);
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read[0], given);
  EXPECT_THAT(store_.imported("s")[0].runs[0].points, IsEmpty()) << "only when asked for";

  const auto rows = store_.imports("s");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].runs, 2);
  EXPECT_EQ(rows[0].dropped, 1);
  EXPECT_EQ(rows[0].derived, 1);
  EXPECT_EQ(rows[0].convention, "6nd");
  EXPECT_EQ(rows[0].notes, given.notes);
  EXPECT_THAT(store_.imports("other"), IsEmpty());
  EXPECT_EQ(store_.studies()[0].imported, 2);
  EXPECT_EQ(store_.studies()[0].trials, 0);
}

TEST_F(ImportsTest, ImportingTheSameAgainChangesNothing) {
  const RunImport given = source_of("runs.csv", {full_run(), foreign_run("b", 1e8, 3)});
  store_.add_import("s", given);
  const std::string before = content(path_);
  const AddedImport again = store_.add_import("s", given);
  EXPECT_EQ(again.unchanged, 2);
  EXPECT_EQ(again.added + again.replaced + again.kept, 0);
  EXPECT_EQ(content(path_), before);
  // Nor under another path: the content says that it is the same source.
  RunImport moved = given;
  moved.path = "elsewhere/runs.csv";
  EXPECT_EQ(store_.add_import("s", moved).unchanged, 2);
  ASSERT_THAT(store_.imports("s"), SizeIs(1));
  EXPECT_EQ(store_.imports("s")[0].path, moved.path);
}

TEST_F(ImportsTest, ALogThatGrewReplacesItsRunsAndLeavesTheOthers) {
  ImportedRun growing = full_run();
  store_.add_import("s", source_of("runs.csv", {growing, foreign_run("b", 1e8, 3)}));
  growing.points.push_back({.step = 500, .tokens = 5e8, .train_loss = 3});
  growing.observation.loss = 2.5;
  RunImport later = source_of("runs.csv", {foreign_run("c", 2e8, 2.9), growing});
  later.sha256 = "another";
  const AddedImport added = store_.add_import("s", later);
  EXPECT_EQ(added.added, 1);
  EXPECT_EQ(added.replaced, 1);
  EXPECT_EQ(added.kept, 1);
  const auto read = store_.imported("s", true);
  ASSERT_THAT(read, SizeIs(1));
  ASSERT_THAT(read[0].runs, SizeIs(3));
  EXPECT_THAT(ask("SELECT count(*) FROM imported_points"), "3");
  const auto results = store_.results("s");
  EXPECT_EQ(results.size(), 3u);
  EXPECT_LT(results[0].row, results[1].row);
  EXPECT_LT(results[1].row, results[2].row);
}

TEST_F(ImportsTest, AMovedRowIsTheSameRun) {
  store_.add_import("s", source_of("runs.csv", {foreign_run("a", 1e8, 3)}));
  ImportedRun moved = foreign_run("a", 1e8, 3);
  moved.line = 3;
  const AddedImport added =
      store_.add_import("s", source_of("runs.csv", {foreign_run("new", 3e8, 2.8), moved}));
  EXPECT_EQ(added.unchanged, 1);
  EXPECT_EQ(added.added, 1);
  EXPECT_EQ(store_.imported("s")[0].runs[1].line, 3);
}

TEST_F(ImportsTest, ReadInAnotherWayTheSourceReplacesAllThatWasThere) {
  store_.add_import("s",
                    source_of("runs.csv", {foreign_run("a", 1e8, 3), foreign_run("b", 2e8, 2)}));
  RunImport corrected = source_of("runs.csv", {foreign_run("0", 1e8, 1)});
  corrected.loss_unit = "bits_per_byte";
  const AddedImport added = store_.add_import("s", corrected);
  EXPECT_EQ(added.added, 1);
  EXPECT_EQ(added.kept, 0);
  EXPECT_EQ(store_.imports("s")[0].loss_unit, "bits_per_byte");
  EXPECT_EQ(store_.imports("s")[0].runs, 1);
}

TEST_F(ImportsTest, AFailureLeavesNothingOfAnyFile) {
  store_.add_import("s", source_of("old.csv", {foreign_run("a", 1e8, 3)}));
  const std::string before = content(path_);
  const RunImport good = source_of("good.csv", {foreign_run("x", 1e8, 3.5)});
  for (const double wrong : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    const std::vector<RunImport> both = {
        good, source_of("bad.csv", {foreign_run("y", 1e8, 3), foreign_run("z", 1e8, wrong)})};
    EXPECT_THAT(refused("", [&] { store_.add_imports("s", both); }),
                HasSubstr("bad.csv:2: run \"z\": loss is"));
    EXPECT_THAT(refused("", [&] { store_.add_imports("fresh", both); }), HasSubstr("bad.csv"));
  }
  const std::vector<RunImport> twice = {
      good, source_of("twice.csv", {foreign_run("y", 1e8, 3), foreign_run("y", 2e8, 3)})};
  EXPECT_THAT(refused("", [&] { store_.add_imports("s", twice); }), HasSubstr("twice"));
  // And when it is found out only while writing.
  ImportedRun broken = foreign_run("y", 1e8, 3);
  broken.provenance = "{not json";
  const std::vector<RunImport> late = {good, source_of("late.csv", {broken})};
  EXPECT_THROW(store_.add_imports("s", late), Error);
  EXPECT_EQ(content(path_), before);
}

TEST_F(ImportsTest, ImportedRunsStandBehindTheTrialsAndNeverAmongThem) {
  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(3));
  ASSERT_TRUE(store_.finish(*store_.claim_next("s", this_worker()), done_with(3)));
  const auto before = store_.trials("s");
  store_.add_import("s", source_of("one.csv", {full_run(), foreign_run("b", 1e8, 3)}));
  RunImport second = source_of("two.csv", {foreign_run("c", 2e8, 2.9)});
  second.runs[0].observation.row = 5;
  store_.add_import("s", second);

  EXPECT_EQ(store_.trials("s").size(), before.size());
  EXPECT_EQ(store_.status("s").trials(), 3);
  EXPECT_EQ(store_.trial_results("s").size(), 1u);
  const auto results = store_.results("s");
  ASSERT_THAT(results, SizeIs(4));
  EXPECT_EQ(results[1].row, 3);
  EXPECT_EQ(results[2].row, 4);
  EXPECT_EQ(results[3].row, 5 + 5) << "as its own source counts, behind the other's";
  Observation expected = full_run().observation;
  expected.row = 3;
  EXPECT_EQ(results[1], expected);
  EXPECT_THAT(store_.results("s", FlopConvention::k6nd, "other set"), IsEmpty());
  EXPECT_THAT(store_.heldout_sets("s"), ::testing::ElementsAre("heldout"));
}

TEST_F(ImportsTest, OneStudyHasOneUnitAndOneConvention) {
  store_.add_import("nats", source_of("a.csv", {foreign_run("a", 1e8, 3)}));
  RunImport bits = source_of("b.csv", {foreign_run("b", 1e8, 1)});
  bits.loss_unit = "bits_per_byte";
  EXPECT_THAT(refused("mixed_units", [&] { store_.add_import("nats", bits); }),
              HasSubstr("nats per token from a.csv"));
  RunImport kaplan = source_of("k.csv", {foreign_run("k", 1e8, 3)});
  kaplan.convention = FlopConvention::kKaplan;
  EXPECT_THAT(refused("mixed_conventions", [&] { store_.add_import("nats", kaplan); }),
              HasSubstr("--convention 6nd"));
  // Of two files of one command neither.
  const std::vector<RunImport> both = {bits, source_of("c.csv", {foreign_run("c", 1e8, 3)})};
  refused("mixed_units", [&] { store_.add_imports("both", both); });
  EXPECT_EQ(store_.studies().size(), 1u);

  store_.add_study("trials", "");
  store_.add_trials("trials", tabular_trials(1));
  EXPECT_THAT(refused("mixed_units", [&] { store_.add_import("trials", bits); }),
              HasSubstr("--study"));
  std::vector<PlannedTrial> masked = tabular_trials(1);
  masked[0].trial.model.objective = Objective::kMasked;
  store_.add_study("masked", "");
  store_.add_trials("masked", masked);
  RunImport nats = source_of("a.csv", {foreign_run("a", 1e8, 3)});
  EXPECT_THAT(refused("mixed_units", [&] { store_.add_import("masked", nats); }),
              HasSubstr("nats per masked token"));
  store_.add_import("bits", bits);
  store_.add_import("kaplan", kaplan);
  EXPECT_THAT(refused("mixed_conventions", [&] { store_.results("kaplan"); }), HasSubstr("kaplan"));
  EXPECT_EQ(store_.results("kaplan", FlopConvention::kKaplan).size(), 1u);
}

TEST_F(ImportsTest, AnImportCanBeTakenBack) {
  const std::string empty = content(path_);
  const AddedImport added = store_.add_import("s", source_of("a.csv", {full_run()}));
  const ImportRow removed = store_.remove_import(added.id);
  EXPECT_EQ(removed.path, "a.csv");
  EXPECT_EQ(removed.runs, 1);
  EXPECT_EQ(content(path_), empty) << "and the study that was made for it";
  EXPECT_THAT(refused("", [&] { store_.remove_import(added.id); }), HasSubstr("--list"));
  EXPECT_THAT(refused("", [&] { store_.remove_import(0); }), HasSubstr("no such import"));

  store_.add_study("s", "");
  store_.add_trials("s", tabular_trials(1));
  store_.remove_import(store_.add_import("s", source_of("a.csv", {full_run()})).id);
  EXPECT_EQ(store_.trials("s").size(), 1u) << "a study with trials stays";
  store_.add_import("t", source_of("a.csv", {full_run()}));
  store_.save_fit("t", "{}");
  store_.remove_import(store_.imports("t")[0].id);
  EXPECT_EQ(store_.latest_fit("t"), "{}") << "and one with a fit";
}

TEST_F(ImportsTest, AMergeTakesImportsAndFitsAlong) {
  const std::string other_path = folder_.file("other.db");
  Store other(other_path, StoreMode::kCreate);
  const RunImport full = source_of("a.csv", {full_run(), foreign_run("b", 1e8, 3)});
  other.add_import("s", full);
  other.add_import("new", source_of("n.csv", {full_run()}));
  other.save_fit("s", R"({"fit":1})");
  RunImport mine = source_of("a.csv", {foreign_run("b", 1e8, 3.5)});
  mine.runs[0].observation.row = 1;
  store_.add_import("s", mine);

  const Merged merged = merge_store(store_, other_path);
  EXPECT_EQ(merged.imports, 1);
  EXPECT_EQ(merged.imported_runs, 2);
  EXPECT_EQ(merged.fits, 1);
  EXPECT_EQ(store_.imported("new", true)[0], other.imported("new", true)[0]);
  const auto here = store_.imported("s", true);
  ASSERT_THAT(here[0].runs, SizeIs(2));
  EXPECT_EQ(here[0].runs[0], full.runs[0]);
  EXPECT_EQ(here[0].runs[1].observation.loss, 3.5) << "what is here is not overwritten";
  EXPECT_EQ(store_.latest_fit("s"), R"({"fit":1})");

  const std::string before = content(path_);
  const Merged again = merge_store(store_, other_path);
  EXPECT_EQ(again.imports + again.imported_runs + again.fits, 0);
  EXPECT_EQ(content(path_), before);
}

TEST_F(ImportsTest, AMergeThatWouldMixUnitsTakesNothing) {
  const std::string other_path = folder_.file("other.db");
  Store other(other_path, StoreMode::kCreate);
  RunImport bits = source_of("b.csv", {foreign_run("b", 1e8, 1)});
  bits.loss_unit = "bits_per_byte";
  other.add_import("s", bits);
  other.add_import("more", source_of("m.csv", {full_run()}));
  store_.add_import("s", source_of("a.csv", {foreign_run("a", 1e8, 3)}));
  const std::string before = content(path_);
  EXPECT_THAT(refused("mixed_units", [&] { merge_store(store_, other_path); }),
              HasSubstr("study \"s\""));
  EXPECT_EQ(content(path_), before);
}

TEST_F(ImportsTest, TheViewNamesEachRunsStudyAndSource) {
  store_.add_import("s", source_of("a.csv", {full_run()}));
  EXPECT_EQ(ask("SELECT study || '|' || path || '|' || (extra ->> '$.experts') FROM imported"),
            "s|a.csv|8");
}

}  // namespace
}  // namespace isoflop
