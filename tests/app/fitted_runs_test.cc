// What a fit of a store takes, says of its runs, and hands on: to tables and to plans.
#include <cmath>
#include <functional>
#include <gmock/gmock.h>

#include "core/shape_rule.h"
#include "core/trial.h"
#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Change = std::function<void(Trial&)>;

class FittedRuns : public ProgramTest {
 protected:
  // 25 finished trials of a kind with losses of a law, and a curve each; `first` is planned only.
  void add_kind(const Change& change, double shift, bool first_unfinished = false) const {
    Store store((dir_ / "runs.db").string(), StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> planned;
    for (const std::int64_t width : {16, 24, 32, 48, 64}) {
      for (const double tokens : {1e6, 2e6, 4e6, 8e6, 16e6}) {
        Trial trial;
        change(trial);
        trial.model = shape_for_width(width, trial.model);
        trial.train.tokens = tokens;
        planned.push_back({.trial = trial});
      }
    }
    store.add_trials("s", planned);
    while (const auto claim = store.claim_next("s", {})) {
      if (first_unfinished && identity(claim->trial) == identity(planned.front().trial)) continue;
      finish(store, *claim, shift);
    }
  }
  static void finish(Store& store, const Claim& claim, double shift) {
    const Trial& t = claim.trial;
    const auto loss_at = [&](double tokens) {
      return shift + 30 / std::pow(params_of(t), 0.4) + 60 / std::pow(tokens, 0.35);
    };
    std::vector<CurvePoint> points;
    for (int k = 1; k <= 8; ++k) {
      const double tokens = t.train.tokens * k / 8;
      points.push_back({.step = k, .tokens = tokens, .train_loss = loss_at(tokens)});
    }
    store.append_curve(claim, points);
    const double wobble = 1 + 0.002 * std::sin(7 * params_of(t) + t.train.tokens);
    store.finish(claim, {.status = OutcomeStatus::kDone,
                         .reason = "",
                         .evaluations = {{.loss = loss_at(t.train.tokens) * wobble},
                                         {.heldout = "next_sentence", .loss = 0.69 * wobble}},
                         .tokens = t.train.tokens});
  }
  static void plain(Trial&) {}
  static void masked(Trial& trial) {
    trial.model.objective = Objective::kMasked;
    trial.model.mask_fraction = 0.3;
  }
};

TEST_F(FittedRuns, AConditionAndAnExclusionReachApproachOne) {
  add_kind(plain, 1);
  add_kind(masked, 2);
  const std::string fit = "fit --db runs.db --no-diagnostics --approach all --json";
  const Ran some = run(fit + " --where \"objective = 'masked'\"");
  ASSERT_EQ(some.code, 0) << some.err;
  EXPECT_EQ(some.json()["observations"], 25);
  EXPECT_EQ(some.json()["envelope"]["runs"], 25);
  const Ran fewer = run(fit + " --where \"objective = 'masked'\" --exclude 0-2 --because test");
  ASSERT_EQ(fewer.code, 0) << fewer.err;
  EXPECT_EQ(fewer.json()["envelope"]["runs"], 22);
}

TEST_F(FittedRuns, CurvesOfATableAreThoseOfTheRowsThatAreTaken) {
  add_kind(plain, 1);
  write("runs.csv", run("sweep export --csv").out);
  std::string curves = "run,params,tokens,loss\n";
  for (const auto& trial : run("sweep export --json").json()) {
    for (const double share : {0.25, 0.5, 0.75, 1.0}) {
      const double tokens = trial["tokens"].get<double>() * share;
      curves += trial["trial"].get<std::string>() + "," +
                std::to_string(trial["params"].get<double>()) + "," + std::to_string(tokens) + "," +
                std::to_string(1 + 60 / std::pow(tokens, 0.35)) + "\n";
    }
  }
  write("curves.csv", curves);
  const std::string fit =
      "fit --csv runs.csv --curves curves.csv --no-diagnostics --approach all --json";
  EXPECT_EQ(run(fit).json()["envelope"]["runs"], 25);
  EXPECT_EQ(run(fit + " --where \"tokens > 1.5e6\"").json()["envelope"]["runs"], 20);
  EXPECT_EQ(run(fit + " --exclude 3 --because test").json()["envelope"]["runs"], 24);
}

TEST_F(FittedRuns, AFitSaysWhatItsRunsWereAndThePlanGoesOnFromIt) {
  add_kind(
      [](Trial& trial) {
        trial.model.experts = 8;
        trial.model.experts_per_token = 2;
        trial.model.granularity = 2;
      },
      1);
  const Ran fit = run("fit --db runs.db --no-diagnostics --out fit.json --json");
  ASSERT_EQ(fit.code, 0) << fit.err;
  const auto recipe = fit.json()["recipe"];
  EXPECT_EQ(recipe["model.experts"], 8);
  EXPECT_EQ(recipe["model.context"], 128);
  EXPECT_FALSE(recipe.contains("model.width"));
  const Ran plan =
      run("plan --fit fit.json --flops 1e14 --vocab 256 --context 128 --as-trial t.toml --json");
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_EQ(plan.json()["recipe"], recipe);
  const auto shape = plan.json()["shape"];
  EXPECT_EQ(shape["experts"], 8);
  EXPECT_THAT(read("t.toml"), HasSubstr("model.experts = 8"));
  // What a token passes through, by hand: 6 N_active D.
  EXPECT_NEAR(6 * shape["active_params"].get<double>() * shape["tokens"].get<double>() / 1e14, 1,
              1e-9);
}

TEST_F(FittedRuns, ATableKeepsWhatItsLossesAreOf) {
  add_kind(plain, 1);
  add_kind(masked, 2);
  write("runs.csv", run("sweep export --csv").out);
  const Ran both = run("fit --csv runs.csv --no-diagnostics");
  EXPECT_EQ(both.code, 3);
  EXPECT_THAT(both.err, HasSubstr("mixed_units"));
  const Ran one =
      run("fit --csv runs.csv --no-diagnostics --json --where \"objective = 'masked'\"");
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.json()["loss_unit"], "nats_per_masked_token");
  EXPECT_EQ(run("import runs.csv --db taken.db --convention 6nd").code, 3);
}

TEST_F(FittedRuns, TheUnitIsThatOfWhatIsFinished) {
  add_kind(plain, 1, true);
  add_kind(masked, 2);
  const Ran fit = run(
      "fit --db runs.db --no-diagnostics --json --where \"objective = 'masked' or loss is null\"");
  ASSERT_EQ(fit.code, 0) << fit.err;
  EXPECT_EQ(fit.json()["loss_unit"], "nats_per_masked_token");
  const Ran all = run(
      "fit --db runs.db --no-diagnostics --json --heldout all --where \"objective = 'masked'\"");
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_FALSE(all.json().contains("fits")) << "next sentences are another loss";
}

TEST_F(FittedRuns, WhereOnlyTheMasksDifferTheAdviceWorks) {
  add_kind(masked, 2);
  add_kind(
      [](Trial& trial) {
        masked(trial);
        trial.train.mask_random = 0.2;
      },
      2.2);
  const Ran mixed = run("fit --db runs.db");
  EXPECT_EQ(mixed.code, 3);
  EXPECT_THAT(mixed.err, HasSubstr("mask_random 0.2 and 0.1"));
  const auto at = mixed.err.find("--where \"");
  ASSERT_NE(at, std::string::npos) << mixed.err;
  const auto end = mixed.err.find('"', at + 9);
  const Ran one =
      run("fit --db runs.db --no-diagnostics --json " + mixed.err.substr(at, end + 1 - at));
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.json()["observations"], 25);
}

}  // namespace
}  // namespace isoflop
