#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;

Trial at_rate(double rate, double params = 1000) {
  Trial trial = tabular_trial(params, 1e6);
  trial.train.rate = rate;
  return trial;
}

class RungsTest : public ::testing::Test {
 protected:
  RungsTest() { store_.add_study("s", ""); }
  void add(const Trial& trial, TrialRole role) {
    const std::vector<PlannedTrial> planned{{.trial = trial, .role = role}};
    store_.add_trials("s", planned);
  }
  // Runs all that is planned; the loss is (ln rate / 0.01)^2 above 2.
  void run(double diverges_above = 1, double fails_above = 1) {
    while (const auto claim = store_.claim_next("s", this_worker())) {
      const double rate = claim->trial.train.rate;
      const double x = std::log(rate / 0.01);
      if (rate > fails_above) {
        store_.finish(*claim, {.reason = "no disk"});
      } else if (rate > diverges_above) {
        store_.finish(*claim, {.status = OutcomeStatus::kDiverged, .reason = "NaN"});
      } else {
        store_.finish(*claim, done_with(2 + x * x));
      }
    }
  }

  TemporaryFolder folder_;
  Store store_{folder_.file("runs.db"), StoreMode::kCreate};
};

TEST_F(RungsTest, ABracketIsARungWhenAllOfItHasEnded) {
  add(at_rate(0.01), TrialRole::kGrid);
  add(at_rate(0.005), TrialRole::kBracket);
  run();
  EXPECT_TRUE(store_.rate_rungs("s").empty()) << "two rates say nothing";
  add(at_rate(0.02), TrialRole::kBracket);
  EXPECT_TRUE(store_.rate_rungs("s").empty()) << "one is still to be trained";
  run();
  const auto rungs = store_.rate_rungs("s");
  ASSERT_EQ(rungs.size(), 1u);
  EXPECT_EQ(rungs[0].params, 1000);
  EXPECT_EQ(rungs[0].tokens, 1e6);
  EXPECT_EQ(rungs[0].rate, 0.01);
  EXPECT_THAT(rungs[0].rates, ElementsAre(0.005, 0.01, 0.02));
  EXPECT_NEAR(rungs[0].best_rate, 0.01, 1e-12);
}

TEST_F(RungsTest, RungsComeBySizeAndTheGridsOtherTrialsAreNone) {
  for (const double params : {3000, 1000}) {
    add(at_rate(0.01, params), TrialRole::kGrid);
    add(at_rate(0.005, params), TrialRole::kBracket);
    add(at_rate(0.02, params), TrialRole::kBracket);
  }
  add(at_rate(0.01, 2000), TrialRole::kGrid);
  run();
  const auto rungs = store_.rate_rungs("s");
  ASSERT_EQ(rungs.size(), 2u);
  EXPECT_EQ(rungs[0].params, 1000);
  EXPECT_EQ(rungs[1].params, 3000);
}

TEST_F(RungsTest, ADivergedRateIsInfinitelyBadAndAFailedOneIsUnknown) {
  add(at_rate(0.01), TrialRole::kGrid);
  for (const double rate : {0.005, 0.02, 0.04}) add(at_rate(rate), TrialRole::kBracket);
  run(0.015, 0.03);
  const auto rungs = store_.rate_rungs("s");
  ASSERT_EQ(rungs.size(), 1u);
  EXPECT_THAT(rungs[0].rates, ElementsAre(0.005, 0.01, 0.02));
  EXPECT_TRUE(std::isinf(rungs[0].losses[2]));
}

TEST_F(RungsTest, AWiderBracketJoinsTheNarrowOne) {
  add(at_rate(0.003), TrialRole::kGrid);
  for (const double rate : {0.0015, 0.006}) add(at_rate(rate), TrialRole::kBracket);
  run();
  EXPECT_TRUE(store_.rate_rungs("s")[0].at_edge);
  for (const double rate : {0.00075, 0.012}) add(at_rate(rate), TrialRole::kBracket);
  run();
  EXPECT_EQ(store_.rate_rungs("s")[0].rates.size(), 5u);
  EXPECT_TRUE(store_.rate_rungs("s")[0].at_edge);
  add(at_rate(0.024), TrialRole::kBracket);
  run();
  EXPECT_FALSE(store_.rate_rungs("s")[0].at_edge);
  EXPECT_NEAR(store_.rate_rungs("s")[0].best_rate, 0.01, 1e-12);
}

}  // namespace
}  // namespace isoflop
