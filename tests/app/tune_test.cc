// isoflop tune as people call it: laws side by side, a law fitted to a table and to a store's
// brackets, its file in a grid.
#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rate_rule.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class TuneCommand : public ProgramTest {
 protected:
  std::string file(const std::string& name) const { return (dir_ / name).string(); }

  // Sizes whose best rate is 1.1 N^-0.42, each at half, once and twice 0.8 of it.
  void write_table() const {
    std::ofstream out(file("runs.csv"));
    out << "N,D,lr,loss\n";
    for (double n = 1e5; n < 1e7; n *= 3) {
      const double best = 1.1 * std::pow(n, -0.42);
      for (const double times : {0.4, 0.8, 1.6, 3.2}) {
        const double x = std::log(times);
        out << exact_number(n) << ',' << exact_number(20 * n) << ',' << exact_number(times * best)
            << ',' << exact_number(2 + 0.02 * x * x) << '\n';
      }
    }
  }

  // Three sizes, the fewest that there can be, whose best rates are on no line at all.
  void write_scattered() const {
    std::ofstream out(file("three.csv"));
    out << "N,D,lr,loss\n";
    for (const double n : {1e6, 2e6, 4e6}) {
      const double best = std::pow(n, -0.45) * (n == 2e6 ? 10 : 1);
      for (const double times : {0.5, 1.0, 2.0}) {
        out << exact_number(n) << ',' << exact_number(20 * n) << ',' << exact_number(times * best)
            << ',' << exact_number(2 + 0.02 * std::pow(std::log(times), 2)) << '\n';
      }
    }
  }

  // A grid's sizes with their brackets of rates and batches, done, in a store; with passes over the
  // data, these are an axis of epochs.
  void write_store(double epochs = 1) const {
    Store store(file("runs.db"), StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (const double size : {2e4, 6e4, 2e5, 6e5}) {
      Trial trial;
      trial.model = shape_for_params(size, {});
      trial.train.tokens = 128 * 64 * std::round(size / 100);
      trial.train.batch = 8;
      trial.train.rate = 0.9 * std::pow(params_of(trial), -0.45);
      if (epochs > 1) {
        trial.data.epochs = epochs;
        trial.data.unique_tokens = 128 * std::ceil(trial.train.tokens / (epochs * 128));
      }
      const auto add = [&](double times, std::int64_t batch, TrialRole role) {
        PlannedTrial beside{.trial = trial, .role = role};
        beside.trial.train.rate *= times;
        beside.trial.train.batch = batch;
        trials.push_back(beside);
      };
      add(1, 8, TrialRole::kGrid);
      for (const double times : {0.5, 2.0}) add(times, 8, TrialRole::kBracket);
      for (const std::int64_t batch : {4, 16}) add(1, batch, TrialRole::kBracket);
    }
    store.add_trials("s", trials);
    const WorkerId self = this_worker();
    while (const auto claim = store.claim_next("s", self)) {
      const TrainSpec& train = claim->trial.train;
      const double x = std::log(train.rate / std::pow(params_of(claim->trial), -0.45));
      const double z = std::log(static_cast<double>(train.batch) / 7);
      store.finish(*claim,
                   {.status = OutcomeStatus::kDone,
                    .reason = "",
                    .evaluations = {{.loss = 3 + 0.02 * x * x + 0.01 * z * z, .tokens = 100}},
                    .tokens = train.tokens});
    }
  }
};

TEST_F(TuneCommand, PublishedLawsStandSideBySide) {
  const Ran words = run("tune --params 1B --tokens 20B");
  EXPECT_EQ(words.code, 0) << words.err;
  for (const char* law : {"steplaw", "deepseek", "porian", "nanochat", "isoflop"}) {
    EXPECT_THAT(words.out, HasSubstr(law));
  }
  const auto json = run("tune --params 1B --tokens 20B --law steplaw --json").json();
  EXPECT_EQ(json["law"], "steplaw");
  EXPECT_EQ(json["laws"].size(), 1u);
  EXPECT_EQ(json["batch_sequences"].get<double>(), 216);
  const Ran outside = run("tune --params 70B --tokens 1T");
  EXPECT_THAT(outside.out, HasSubstr("[outside_range]"));
  EXPECT_THAT(run("tune --params 1B --tokens 20B --print csv").out, HasSubstr("law,rate,batch"));
}

TEST_F(TuneCommand, ATablesLawIsWrittenAndReadByTuneAndByAGrid) {
  write_table();
  const Ran fitted = run("tune --csv runs.csv --out law.json --params 100M --tokens 2B --json");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  const auto json = fitted.json();
  EXPECT_NEAR(json["fit"]["rate"]["exponents"]["params"]["value"].get<double>(), -0.42, 1e-6);
  EXPECT_NEAR(json["rate"]["value"].get<double>() / (1.1 * std::pow(1e8, -0.42)), 1, 1e-6);
  EXPECT_EQ(json["fit"]["rate"]["bracketed"], 5);
  const auto again = run("tune --law law.json --params 100M --tokens 2B --json").json();
  EXPECT_EQ(again["rate"], json["rate"]);
  std::ofstream(file("grid.toml")) << "name = \"g\"\n[data]\nsource = \"zipf\"\n[grid]\n"
                                      "kind = \"tokens\"\nparams = [\"1M\"]\ntokens = [\"4M\"]\n"
                                      "[rates]\nlaw = \"law.json\"\n";
  const Ran grid = run("sweep run grid.toml --print-grid");
  EXPECT_EQ(grid.code, 0) << grid.err;
  EXPECT_THAT(grid.out, HasSubstr("law = \"own\""));
}

TEST_F(TuneCommand, AStoresBracketsGiveLawsOfBoth) {
  write_store();
  const Ran fitted = run("tune --db runs.db --params 10M --tokens 200M --context 128 --json");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  const auto json = fitted.json();
  const auto& rate = json["fit"]["rate"];
  EXPECT_EQ(rate["bracketed"], 4);
  EXPECT_NEAR(rate["exponents"]["params"]["value"].get<double>(), -0.45, 1e-6);
  // The rule's own rate, and what it loses.
  const double n = rate["rungs"][0]["params"].get<double>();
  const double rule = rate_rule(n, rate["rungs"][0]["tokens"].get<double>(), 128).rate;
  EXPECT_DOUBLE_EQ(rate["rungs"][0]["rule"].get<double>(), rule);
  EXPECT_NEAR(rate["rungs"][0]["rule_loss"].get<double>(),
              0.02 * std::pow(std::log(rule / std::pow(n, -0.45)), 2), 1e-6);
  // The best batch is 7 sequences at every size.
  EXPECT_NEAR(json["batch_tokens"]["value"].get<double>() / (7 * 128), 1, 1e-6);
  const Ran words = run("tune --db runs.db");
  EXPECT_THAT(words.out, HasSubstr("rungs of the rate"));
  EXPECT_THAT(words.out, HasSubstr("rungs of the batch"));
}

// Distinct tokens follow from D there: the recipe is how often they are seen.
TEST_F(TuneCommand, AStudyOfOneNumberOfEpochsIsOneRecipe) {
  write_store(3);
  const Ran fitted = run("tune --db runs.db --json");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, ::testing::Not(HasSubstr("mixed_recipes")));
  EXPECT_EQ(fitted.json()["fit"]["rate"]["bracketed"], 4);
}

TEST_F(TuneCommand, ThreeScatteredSizesAreWrittenAndRead) {
  write_scattered();
  const Ran fitted = run("tune --csv three.csv --out law.json --params 100M --tokens 2B --json");
  ASSERT_EQ(fitted.code, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("lost_draws"));
  EXPECT_EQ(run("tune --law law.json --params 100M --tokens 2B").code, 0);
}

TEST_F(TuneCommand, WrongRequestsSayWhatToDo) {
  write_table();
  std::ofstream(file("never.csv")) << "N,D,lr,loss\n1M,20M,1,inf\n1M,20M,2,inf\n1M,20M,4,inf\n";
  std::ofstream(file("few.csv")) << "N,D,lr,loss\n1M,20M,1e-3,2\n1M,20M,2e-3,1.9\n1M,20M,4e-3,2\n";
  std::ofstream(file("none.csv")) << "N,D,lr,loss\n1M,20M,1e-3,2\n";
  const struct {
    const char* arguments;
    int code;
    const char* says;
  } wrongs[] = {
      {"", 2, "--params 1B --tokens 20B"},
      {"--params 1B", 2, "give both"},
      {"--params 1B --tokens 20B --law stepflaw", 2, "known are steplaw"},
      {"--params 1B --tokens 20B --out law.json", 2, "--db runs.db"},
      {"--csv runs.csv --law steplaw", 2, "give one"},
      {"--csv runs.csv --db runs.db", 2, "give one"},
      {"--params 1B --tokens 20B --schedule step", 2, "cosine or cooldown"},
      {"--csv few.csv", 3, "too_few_rungs"},
      {"--csv none.csv", 3, "no_rungs"},
      {"--csv never.csv", 3, "every one of their runs diverged"},
      {"--csv runs.csv --level 1e9", 2, "--level"},
      {"--csv runs.csv --level -1", 2, "--level"},
      {"--csv runs.csv --level nan", 2, "--level"},
      {"--params 1B --tokens 20B --vocab 0", 2, "--vocab"},
      {"--params 1B --tokens 20B --vocab 9000000000000000000", 2, "--vocab"},
      {"--params 1B --tokens 20B --context 100000000000000000", 2, "--context"},
  };
  for (const auto& wrong : wrongs) {
    const Ran ran = run("tune " + std::string(wrong.arguments));
    EXPECT_EQ(ran.code, wrong.code) << wrong.arguments << "\n" << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(wrong.says)) << wrong.arguments;
    EXPECT_EQ(ran.out, "") << wrong.arguments;
  }
}

}  // namespace
}  // namespace isoflop
