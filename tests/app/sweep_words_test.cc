// What `isoflop sweep` says of shared trunks and of brackets.
#include <cmath>
#include <gtest/gtest.h>

#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class SweepWords : public ProgramTest {
 protected:
  // A grid of the examples on synthetic data, which need no corpus.
  void write_synthetic(const std::string& example) {
    std::string text = read_source("examples/" + example);
    const std::string corpus = "corpus = \"classics\"";
    ASSERT_NE(text.find(corpus), std::string::npos);
    write(example, text.replace(text.find(corpus), corpus.size(), "source = \"zipf\""));
  }
};

TEST_F(SweepWords, ADryRunSaysWhatSharedTrunksSave) {
  write_synthetic("cooldown.toml");
  const Ran ran = run("sweep run cooldown.toml --dry-run --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  // Four budgets a factor 2 apart, a fifth of the steps cooldown: 0.2 + 0.8 x 8 / 15.
  EXPECT_NE(ran.err.find("shared trunks: 5.64e12 FLOP instead of 9e12 (63 %)"), std::string::npos)
      << ran.err;
  const auto trials = ran.json();
  EXPECT_EQ(trials.size(), 24u);
  double alone = 0;
  for (const auto& trial : trials) alone += trial["FLOP exact"].get<double>();
  EXPECT_NEAR(alone, 9e12, 0.01 * 9e12) << "a point's C holds its trunk";
}

TEST_F(SweepWords, ADryRunOfACosineSaysNothingOfTrunks) {
  write_synthetic("demo.toml");
  EXPECT_EQ(run("sweep run demo.toml --dry-run").err.find("trunk"), std::string::npos);
}

TEST_F(SweepWords, ABracketInTheFileIsInTheDryRun) {
  write_synthetic("cooldown.toml");
  write("bracket.toml", read("cooldown.toml") + "\n[bracket]\nrate = 4\n");
  const Ran ran = run("sweep run bracket.toml --dry-run --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  int bracket = 0;
  for (const auto& trial : ran.json()) bracket += trial["role"] == "bracket" ? 1 : 0;
  EXPECT_EQ(bracket, 12);
}

// A store as a sweep with brackets leaves it: the best rate is 0.01 for every size.
void fill_rungs(const std::string& path, double rate_of_largest) {
  Store store(path, StoreMode::kCreate);
  store.add_study("s", "");
  std::vector<PlannedTrial> planned;
  for (const double params : {1000.0, 120000.0}) {
    for (const double times : {1.0, 0.5, 2.0}) {
      Trial trial;
      trial.trainer = "tabular";
      trial.tabular_params = params;
      trial.train.tokens = 512 * 100;
      trial.train.rate = times * (params > 1e4 ? rate_of_largest : 0.01);
      planned.push_back(
          {.trial = trial, .role = times == 1 ? TrialRole::kGrid : TrialRole::kBracket});
    }
  }
  store.add_trials("s", planned);
  while (const auto claim = store.claim_next("s", this_worker())) {
    const double x = std::log(claim->trial.train.rate / 0.01);
    store.finish(*claim, {.status = OutcomeStatus::kDone,
                          .reason = "",
                          .evaluations = {{.loss = 3 + x * x, .tokens = 100}}});
  }
}

TEST_F(SweepWords, StatusFlagsARungWhoseBestIsAtTheEdge) {
  fill_rungs((dir_ / "runs.db").string(), 0.004);
  const Ran ran = run("sweep status");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("best / rate"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("the best rate of the 120k rung is at the upper edge"), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("off by 2x or more there; widen with rate = 4 "), std::string::npos)
      << ran.out;
  EXPECT_EQ(ran.out.find("of the 1k rung"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("trunk"), std::string::npos);

  const auto rungs = run("sweep status --json").json()["rungs"];
  ASSERT_EQ(rungs.size(), 2u);
  EXPECT_EQ(rungs[0]["at_edge"], false);
  EXPECT_NEAR(rungs[0]["ratio"].get<double>(), 1, 1e-9);
  EXPECT_EQ(rungs[1]["at_edge"], true);
  EXPECT_EQ(rungs[1]["best"], 2);
  EXPECT_EQ(rungs[1]["rates"].size(), 3u);
}

TEST_F(SweepWords, StatusTellsOfSharedTrunksInOneLine) {
  Store store((dir_ / "runs.db").string(), StoreMode::kCreate);
  store.add_study("s", "");
  std::vector<PlannedTrial> planned;
  for (const int steps : {10, 20, 40, 80}) {
    Trial trial;
    trial.trainer = "tabular";
    trial.tabular_params = 1000;
    trial.train = {.tokens = 512.0 * steps, .warmup_tokens = 512, .schedule = "cooldown"};
    planned.push_back({.trial = trial});
  }
  store.add_trials("s", planned);
  const Ran ran = run("sweep status");
  // 6 x 1000 x 512 FLOP a step; 0.2 x 150 + 0.8 x 80 steps of 150.
  EXPECT_NE(ran.out.find("shared trunks: 2.89e8 FLOP instead of 4.61e8 (63 %)"), std::string::npos)
      << ran.out;
  EXPECT_EQ(run("sweep status --json").json()["trunks"], 1);
}

TEST_F(SweepWords, ASweepThatRunsOutOfTimeSaysSoAndGoesOnLater) {
  write("x.toml",
        "name = \"x\"\ntrainer = \"tabular\"\n[data]\nsource = \"zipf\"\n[grid]\nkind = "
        "\"isoflop\"\nbudgets = [1e9, 1e10]\nparams = [\"500\", \"1k\"]\n[axes]\nseed = [1, 2]\n");
  const Ran ran = run("sweep run x.toml --minutes 1e-9");
  EXPECT_EQ(ran.code, 130);
  EXPECT_NE(ran.err.find("as --minutes says"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("go on with:\n  isoflop sweep run x.toml"), std::string::npos) << ran.err;
  const Ran again = run("sweep run x.toml --minutes 10 --no-checkpoints --json");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.json()["trials"]["done"], 8);
  EXPECT_EQ(run("sweep run x.toml --minutes -1").code, 2);
  EXPECT_EQ(run("sweep run x.toml --checkpoint-minutes 0").code, 2);
}

}  // namespace
}  // namespace isoflop
