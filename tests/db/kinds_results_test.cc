// What a store's results say of a run beside N, D and its loss.
#include <gtest/gtest.h>

#include "core/shape_rule.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using Extra = std::map<std::string, double>;

Trial kinds_trial(std::int64_t experts, std::int64_t per_token = 1, std::int64_t granularity = 1,
                  std::int64_t shared = 0) {
  Trial trial;
  trial.model = shape_for_width(16, {});
  trial.train.tokens = 1e6;
  trial.model.experts = experts;
  trial.model.experts_per_token = per_token;
  trial.model.granularity = granularity;
  trial.model.shared_experts = shared;
  return trial;
}

// The extra coordinates of trials that ended with `unique` distinct tokens, in order.
std::vector<Extra> extras_of(const std::vector<Trial>& trials, double unique = 0) {
  const TemporaryFolder folder;
  Store store(folder.file("runs.db"), StoreMode::kCreate);
  store.add_study("s", "");
  std::vector<PlannedTrial> planned;
  for (const Trial& trial : trials) planned.push_back({.trial = trial});
  store.add_trials("s", planned);
  while (const auto claim = store.claim_next("s", {})) {
    Outcome outcome = done_with(2);
    outcome.unique_tokens = unique;
    EXPECT_TRUE(store.finish(*claim, outcome));
  }
  std::vector<Extra> extras;
  for (const Observation& run : store.results("s", FlopConvention::k6nd)) {
    extras.push_back(run.extra);
  }
  return extras;
}

TEST(KindsResults, DenseTrialsAloneSayNothingOfExperts) {
  const auto extras = extras_of({kinds_trial(0)});
  ASSERT_EQ(extras.size(), 1u);
  EXPECT_FALSE(extras[0].contains("experts"));
  EXPECT_FALSE(extras[0].contains("active_params"));
  EXPECT_EQ(extras[0].at("unique_tokens"), 1e6);
}

TEST(KindsResults, TrialsBesideSparseOnesSayAllThatSparseLawsAsk) {
  const std::vector<Trial> trials{kinds_trial(0), kinds_trial(1), kinds_trial(8),
                                  kinds_trial(32, 4, 4, 1)};
  const auto extras = extras_of(trials);
  ASSERT_EQ(extras.size(), 4u);
  const std::vector<double> experts{1, 1, 8, 32}, granularity{1, 1, 1, 4};
  const std::vector<double> sparsity{0, 0, 7.0 / 8, 1 - 5.0 / 33};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(extras[i].at("experts"), experts[i]);
    EXPECT_EQ(extras[i].at("granularity"), granularity[i]);
    EXPECT_DOUBLE_EQ(extras[i].at("sparsity"), sparsity[i]);
    EXPECT_EQ(extras[i].at("active_params"), active_params_of(trials[i]));
  }
  EXPECT_EQ(extras[0].at("active_params"), params_of(trials[0]));
}

TEST(KindsResults, DistinctTokensAreTheAttemptsOrWhatTheTrialCannotExceed) {
  Trial capped = kinds_trial(0);
  capped.data.unique_tokens = 128e3;
  capped.data.epochs = 10;
  EXPECT_EQ(extras_of({capped})[0].at("unique_tokens"), 128e3);
  EXPECT_EQ(extras_of({capped}, 127e3)[0].at("unique_tokens"), 127e3);
  capped.data.unique_tokens = 0;
  EXPECT_FALSE(extras_of({capped})[0].contains("unique_tokens")) << "of a corpus nobody counted";
  EXPECT_EQ(extras_of({tabular_trial(1e3, 5e5)})[0], (Extra{{"unique_tokens", 5e5}}));
}

}  // namespace
}  // namespace isoflop
