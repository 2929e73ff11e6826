// `isoflop sweep export --tensorboard`, and what it writes taken in again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class TensorBoardExport : public ProgramTest {
 protected:
  // Two trials that are done, with curves: N is 1,000 and 2,000, the loss 3 + N / 8,000.
  void fill() {
    Store store((dir_ / "runs.db").string(), StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (int i = 0; i < 2; ++i) {
      Trial trial;
      trial.trainer = "tabular";
      trial.data.source = "zipf";
      trial.tabular_params = 1000 * (1 + i);
      trial.train.tokens = 1e6;
      trials.push_back({.trial = trial});
    }
    store.add_trials("s", trials);
    for (int i = 0; i < 2; ++i) {
      const auto claim = store.claim_next("s", this_worker());
      const std::vector<CurvePoint> points{
          {.step = 10, .tokens = 5e5, .train_loss = 3.5, .rate = 0.5, .seconds = 2},
          {.step = 20,
           .tokens = 1e6,
           .train_loss = 3.25,
           .heldout_loss = 3 + claim->trial.tabular_params / 8000,
           .seconds = 4}};
      store.append_curve(*claim, points);
      store.finish(*claim, {.status = OutcomeStatus::kDone,
                            .reason = "",
                            .evaluations = {{.loss = 3, .tokens = 100}},
                            .tokens = 1e6,
                            .seconds = 4});
    }
  }

  std::map<std::string, std::string> files_of(const std::string& folder) const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(dir_ / folder)) {
      if (entry.is_regular_file()) out[entry.path().string()] = whole_file(entry.path());
    }
    return out;
  }
};

TEST_F(TensorBoardExport, WritesAFolderATrialThatCanBeTakenInAgain) {
  fill();
  const Ran ran = run("sweep export --tensorboard board");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "2 runs in board\n");
  EXPECT_THAT(ran.err, HasSubstr("tensorboard --logdir board"));
  const auto files = files_of("board");
  ASSERT_EQ(files.size(), 2u);
  EXPECT_THAT(files.begin()->first, HasSubstr("N1.00k_D1.00M_rate0.001_seed1_"));
  const Ran back = run("import board --db back.db --json");
  ASSERT_EQ(back.code, 0) << back.err;
  const Ran rows = run("sweep export --db back.db --json");
  ASSERT_EQ(rows.code, 0) << rows.err;
  const auto json = rows.json();
  ASSERT_EQ(json.size(), 2u);
  for (const auto& row : json) {
    EXPECT_EQ(row["tokens"], 1e6);
    EXPECT_EQ(row["loss"].get<double>(), 3 + row["params"].get<double>() / 8000);
  }
  EXPECT_NE(json[0]["params"], json[1]["params"]);
}

TEST_F(TensorBoardExport, WritingAgainLeavesTheSameBytes) {
  fill();
  ASSERT_EQ(run("sweep export --tensorboard board").code, 0);
  const auto before = files_of("board");
  ASSERT_EQ(run("sweep export --tensorboard board").code, 0);
  EXPECT_EQ(files_of("board"), before);
}

TEST_F(TensorBoardExport, ImportedCurvesAreWrittenToo) {
  write("nano.log",
        "tokens per iteration will be: 1,000\nnumber of parameters: 1.00M\n"
        "step 100: train loss 5.0000, val loss 5.2500\n"
        "step 200: train loss 4.0000, val loss 4.5000\n");
  ASSERT_EQ(run("import nano.log").code, 0);
  const Ran ran = run("sweep export --tensorboard board");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto files = files_of("board");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files.begin()->first, HasSubstr("board/nano_"));
  EXPECT_THAT(files.begin()->second, HasSubstr("heldout/loss"));
}

TEST_F(TensorBoardExport, RoutersOfSparseModelsAreWatchedToo) {
  fill();
  {
    Store store((dir_ / "runs.db").string(), StoreMode::kReadWrite);
    PlannedTrial more;
    more.trial = store.trials("s")[0].trial;
    more.trial.seed = 7;
    store.add_trials("s", std::vector{more});
    const auto claim = store.claim_next("s", this_worker());
    store.append_curve(*claim, std::vector<CurvePoint>{{.step = 10,
                                                        .tokens = 1e6,
                                                        .train_loss = 3.5,
                                                        .router = RouterStats{.dropped = 0.25}}});
    store.finish(*claim, {.status = OutcomeStatus::kDone,
                          .reason = "",
                          .evaluations = {{.loss = 3, .tokens = 100}},
                          .tokens = 1e6});
  }
  ASSERT_EQ(run("sweep export --tensorboard board").code, 0);
  int with_router = 0;
  for (const auto& [path, bytes] : files_of("board")) {
    if (bytes.find("router/dropped") != bytes.npos) ++with_router;
  }
  EXPECT_EQ(with_router, 1);
}

TEST_F(TensorBoardExport, WithoutACurveIsRefused) {
  {
    Store store((dir_ / "runs.db").string(), StoreMode::kCreate);
    store.add_study("s", "");
  }
  const Ran ran = run("sweep export --tensorboard board");
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("isoflop sweep run"));
  write("board", "a file in the way");
  fill();
  EXPECT_EQ(run("sweep export --tensorboard board").code, 1);
}

}  // namespace
}  // namespace isoflop
