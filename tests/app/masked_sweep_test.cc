// Masked language models through the program: a sweep, killed on its way, to a fitted law; what is
// refused.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include <cmath>
#include <gtest/gtest.h>
#include <map>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

// 3 budgets x 3 sizes on Zipf facts; a trial takes a fraction of a second.
constexpr const char* kMaskedGrid = R"(name = "masked"
objective = "masked"
[data]
source = "zipf"
[grid]
kind = "isoflop"
flops = "exact"
budgets = [1e9, 3e9, 9e9]
params = ["3k", "6k", "12k"]
[trial]
model.vocab = 33
model.context = 64
eval_windows = 512
)";

// The same with budgets that cost next to nothing.
std::string tiny_grid() {
  std::string grid = kMaskedGrid;
  return grid.replace(grid.find("1e9, 3e9, 9e9"), 13, "2e8, 4e8");
}

bool is_given(const nlohmann::json& row, const char* key) {
  return row.contains(key) && !row.at(key).is_null();
}

class MaskedSweep : public ProgramTest {
 protected:
  std::map<std::string, double> losses(const std::string& db) const {
    std::map<std::string, double> by_trial;
    for (const auto& trial : run("sweep export --json --db " + db).json()) {
      EXPECT_EQ(trial["state"], "done");
      by_trial[trial["trial"]] = trial.value("loss", 0.0);
    }
    return by_trial;
  }
};

TEST_F(MaskedSweep, GoesAllTheWayToALawAlsoWhenItWasKilled) {
  write("grid.toml", kMaskedGrid);
  ASSERT_EQ(run("sweep run grid.toml --db calm.db").code, 0) << read("err.txt");
  for (const char* seconds : {"0.6", "0.9"}) {
    // Whether or not it came to the end: the driver's workers die with it.
    (void)std::system(("cd '" + dir_.string() + "' && timeout --signal=KILL " + seconds + " '" +
                       ISOFLOP_BINARY +
                       "' sweep run grid.toml --db hit.db --quiet 2>&1 >killed.txt")
                          .c_str());
  }
  ASSERT_EQ(run("sweep run grid.toml --db hit.db").code, 0) << read("err.txt");
  const auto calm = losses("calm.db");
  EXPECT_EQ(calm.size(), 9u);
  EXPECT_EQ(losses("hit.db"), calm);

  for (const auto& trial : run("sweep export --json --db calm.db").json()) {
    EXPECT_NEAR(trial["flops_exact"].get<double>() / trial["budget"].get<double>(), 1, 0.03);
    EXPECT_LT(trial["loss"].get<double>(), std::log(33));
    EXPECT_GT(trial["standard_error"], 0);
    EXPECT_FALSE(is_given(trial, "bits_per_byte")) << "no code length";
    EXPECT_FALSE(is_given(trial, "excess"));
  }
  // Three sizes of nearly the same loss say nothing of alpha.
  const Ran fit = run("fit --db calm.db --no-diagnostics --fix alpha=0.3 --json");
  ASSERT_EQ(fit.code, 0) << fit.err;
  EXPECT_EQ(fit.json()["observations"], 9);
  EXPECT_EQ(fit.json()["flops"]["convention"], "exact");
  EXPECT_GT(fit.json()["law"]["parameters"]["beta"], 0.1) << "more data, lower loss";

  // Plans know what their loss is of, and plan such a trial.
  EXPECT_EQ(fit.json()["loss_unit"], "nats_per_masked_token");
  const Ran sized = run("fit --db calm.db --no-diagnostics --fix alpha=0.3 --fix A=5 --json");
  ASSERT_EQ(sized.code, 0) << sized.err;
  write("fit.json", sized.out);
  const Ran plan = run("plan --fit fit.json --flops 2e10 --vocab 33 --as-trial trial.toml");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_NE(plan.out.find("nats per masked token"), std::string::npos) << plan.out;
  EXPECT_NE(read("trial.toml").find("model.objective = \"masked\""), std::string::npos)
      << read("trial.toml");
  auto other = sized.json();
  other.erase("loss_unit");
  write("nats.json", other.dump());
  const Ran compared = run("compare fit.json nats.json --flops 1e10");
  EXPECT_EQ(compared.code, 3);
  EXPECT_NE(compared.err.find("mixed_units"), std::string::npos) << compared.err;
}

TEST_F(MaskedSweep, TwoObjectivesAreNotFittedAsOne) {
  write("masked.toml", tiny_grid());
  ASSERT_EQ(run("sweep run masked.toml --quiet").code, 0) << read("err.txt");
  std::string decoder = tiny_grid();
  decoder.replace(decoder.find("objective = \"masked\""), 20, "objective = \"autoregressive\"");
  write("decoder.toml", decoder);
  ASSERT_EQ(run("sweep run decoder.toml --quiet").code, 0) << read("err.txt");
  const Ran ran = run("fit --db runs.db");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("mixed_objectives"), std::string::npos) << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST_F(MaskedSweep, ASweepThatMasksOtherwiseIsNotFittedWithIt) {
  write("grid.toml", tiny_grid() + "[axes]\nmodel.mask_fraction = [0.15, 0.3]\n");
  ASSERT_EQ(run("sweep run grid.toml --quiet").code, 0) << read("err.txt");
  const Ran ran = run("fit --db runs.db");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("mixed_objectives"), std::string::npos) << ran.err;
}

TEST_F(MaskedSweep, OneTrialSaysWhatItsLossIsOf) {
  const std::string facts =
      " --params 3k --flops 1e8 --set data.source=zipf --set model.objective=masked"
      " --set model.context=64 --set eval_windows=64";
  const Ran text = run("train" + facts);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("nats per masked token"), std::string::npos) << text.out;
  EXPECT_EQ(text.out.find("bits per byte"), std::string::npos) << text.out;
  const Ran pairs = run("train --json --set model.next_sentence=true" + facts);
  ASSERT_EQ(pairs.code, 0) << pairs.err;
  const auto next = pairs.json()["sets"]["next_sentence"];
  EXPECT_GT(next["loss"], 0);
  EXPECT_GE(next["accuracy"], 0);
  EXPECT_LE(next["accuracy"], 1);
}

TEST_F(MaskedSweep, WordsOfAnotherToolsTokensAreRefusedBeforeAnythingIsTrained) {
  write("ids.bin", std::string(2 * 30'000, '\1'));
  ASSERT_EQ(run("data prepare ids.bin --dtype u16 --vocab 300 --out shards").code, 0)
      << read("err.txt");
  const std::string train =
      "train --params 20k --tokens 2k --corpus shards --set model.objective=masked";
  const Ran ran = run(train + " --set train.whole_words=true");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("train.whole_words"), std::string::npos) << ran.err;
  const Ran fine = run(train + " --json --set eval_windows=8 --set train.batch=1");
  EXPECT_EQ(fine.code, 0) << fine.err;
}

}  // namespace
}  // namespace isoflop
#endif
