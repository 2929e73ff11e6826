// The whole way without LibTorch: grid, tabular learner, store, fit, plan, JSON.
#include <gtest/gtest.h>
#include <set>

#include "core/trial.h"
#include "data/zipf_facts.h"
#include "io/fit_json.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

class LightDemo : public ProgramTest {};

TEST_F(LightDemo, GoesFromAGridToAPlanWithIntervals) {
  const Ran ran = run("demo --light --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = ran.json();
  EXPECT_EQ(json["trials"].size(), 35u);
  for (const char* field : {"params", "tokens", "loss"}) {
    const auto& interval = json["plan"][field];
    EXPECT_LT(interval["low"], interval["value"]) << field;
    EXPECT_GT(interval["high"], interval["value"]) << field;
  }
  // The largest budget was 2.56e11; the plan is for 1,000 times that.
  EXPECT_EQ(json["plan"]["flops"], 2.56e14);
  EXPECT_EQ(json["params"], json["plan"]["params"]);
  EXPECT_GT(json["law"]["parameters"]["alpha"], 0);
  for (const auto& profile : json["fit"]["isoflop"]["profiles"]) EXPECT_TRUE(profile["usable"]);
  // The tabular learner is not additive (data/tabular_learner.h), so the law is wrong by design; it
  // still has to predict the hidden budget's losses to 2 %.
  EXPECT_LT(std::abs(json["fit"]["backtest"]["max_error"].get<double>()), 0.02);
  for (const char* file : {"runs.db", "trials.csv", "trials.json", "fit.json", "plan.json"}) {
    EXPECT_TRUE(std::filesystem::exists(dir_ / "demo-run" / file)) << file;
  }
}

// E of the source is known; the fit finds it to 0.02 nats.
TEST_F(LightDemo, FindsTheEntropyOfItsSource) {
  ASSERT_EQ(run("demo --light").code, 0);
  const LawFit fit = read_fit((dir_ / "demo-run/fit.json").string());
  const double entropy = ZipfFacts(DataSpec{}).stream_entropy_rate();
  EXPECT_NEAR(fit.parameters.E, entropy, 0.02);
}

TEST_F(LightDemo, AgainRunsNothingTwiceAndSaysTheSame) {
  ASSERT_EQ(run("demo --light").code, 0);
  const std::string first = read("out.txt");
  const auto attempts = [&] {
    std::set<std::string> lines;
    const Ran ran = run("sweep export --db demo-run/runs.db --json");
    for (const auto& trial : ran.json()) {
      EXPECT_EQ(trial["attempts"], 1);
      lines.insert(trial["trial"].get<std::string>());
    }
    return lines.size();
  };
  EXPECT_EQ(attempts(), 35u);
  ASSERT_EQ(run("demo --light").code, 0);
  EXPECT_EQ(read("out.txt"), first);
  EXPECT_EQ(attempts(), 35u);
}

TEST_F(LightDemo, EachStepIsAVerbOfItsOwn) {
  const std::string grid = source("examples/light.toml");
  const Ran dry = run("sweep run " + grid + " --dry-run --json");
  ASSERT_EQ(dry.code, 0) << dry.err;
  EXPECT_EQ(dry.json().size(), 35u);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "runs.db"));
  ASSERT_EQ(run("sweep run " + grid).code, 0);
  const auto status = run("sweep status --json").json();
  EXPECT_EQ(status["trials"]["done"], 35);
  EXPECT_EQ(status["trials"]["planned"], 0);
  ASSERT_EQ(run("fit --db runs.db --out fit.json").code, 0);
  const Ran plan = run("plan --flops 1e15 --fit fit.json --json");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_EQ(plan.json()["flops"], 1e15);
  const Ran curves = run("sweep export --curves --csv");
  EXPECT_EQ(curves.code, 0);
  EXPECT_EQ(curves.out.rfind("trial,step,tokens", 0), 0u) << curves.out.substr(0, 80);
}

TEST_F(LightDemo, ResultsOfTwoSourcesAreNotFittedAsOne) {
  const std::string grid = source("examples/light.toml");
  ASSERT_EQ(run("sweep run " + grid).code, 0);
  std::string other = read_source("examples/light.toml");
  other.replace(other.find("source = \"zipf\""), 15, "source = \"zipf\"\nzipf_alpha = 0.7");
  write("other.toml", other);
  ASSERT_EQ(run("sweep run other.toml").code, 0);
  const Ran ran = run("fit --db runs.db");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("mixed_data"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST_F(LightDemo, TheZipfExampleSpendsItsBudgets) {
  const Ran ran = run("sweep run " + source("examples/zipf.toml") + " --dry-run --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto trials = ran.json();
  EXPECT_EQ(trials.size(), 20u);
  for (const auto& trial : trials) {
    EXPECT_NEAR(trial["FLOP exact"].get<double>() / trial["budget"].get<double>(), 1, 0.01);
  }
}

TEST_F(LightDemo, TheGridThatIsPrintedReadsBack) {
  const Ran first =
      run("sweep run " + source("examples/demo.toml") + " --trainer tabular --print-grid");
  ASSERT_EQ(first.code, 0) << first.err;
  write("again.toml", first.out);
  const Ran second = run("sweep run again.toml --print-grid");
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.out, first.out);
}

}  // namespace
}  // namespace isoflop
