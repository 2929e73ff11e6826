// Grids beyond dense models that see each token once: epochs, experts, masks.
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/error.h"
#include "core/rate_rule.h"
#include "core/schedule.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "sweep/cost.h"
#include "sweep/grid.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

GridSpec tokens_spec() {
  GridSpec spec;
  spec.name = "s";
  spec.kind = GridKind::kTokens;
  spec.tokens = {1e6, 4e6};
  spec.sizes = {{10e3, 20e3}};
  return spec;
}

std::string kinds_refusal(const GridSpec& spec, const GridContext& context = {}) {
  try {
    expand(spec, context);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "was not refused";
}

// --- Repeated data.

TEST(EpochsAxisTest, EveryCellHasItsTokensInSoManyPassesOverWholeWindows) {
  GridSpec spec = tokens_spec();
  spec.axes = {{"epochs", {"1", "2.5", "3", "16"}}};
  const Grid grid = expand(spec, {.unique_tokens = 5e6});
  ASSERT_EQ(grid.trials.size(), 16u);
  for (std::size_t i = 0; i < grid.trials.size(); ++i) {
    const Trial& trial = grid.trials[i].trial;
    const double epochs = std::vector{1.0, 2.5, 3.0, 16.0}[i % 4];
    EXPECT_EQ(trial.data.epochs, epochs);
    EXPECT_EQ(trial.train.tokens, grid.trials[i / 4 * 4].trial.train.tokens);
    EXPECT_EQ(trial.train.rate, grid.trials[i / 4 * 4].trial.train.rate);
    if (epochs == 1) {
      EXPECT_EQ(trial.data.unique_tokens, 0);
      continue;
    }
    const double windows = trial.data.unique_tokens / 128;
    EXPECT_EQ(windows, std::floor(windows));
    EXPECT_LE(trial.train.tokens, trial.data.unique_tokens * epochs * (1 + 1e-12));
    EXPECT_GT(trial.train.tokens, (trial.data.unique_tokens - 128) * epochs);
  }
}

TEST(EpochsAxisTest, OnePassIsTheTrialOfAGridWithoutTheAxis) {
  GridSpec spec = tokens_spec();
  const Grid plain = expand(spec, {});
  spec.axes = {{"epochs", {"1", "4"}}};
  const Grid repeated = expand(spec, {});
  for (std::size_t i = 0; i < plain.trials.size(); ++i) {
    EXPECT_EQ(identity(repeated.trials[2 * i].trial), identity(plain.trials[i].trial));
  }
}

TEST(EpochsAxisTest, TheCorpusNeedsOnlyWhatIsDistinct) {
  GridSpec spec = tokens_spec();
  spec.axes = {{"epochs", {"4", "8"}}};
  EXPECT_EQ(expand(spec, {.unique_tokens = 1.1e6}).trials.size(), 8u);
  EXPECT_THAT(kinds_refusal(spec, {.unique_tokens = 0.9e6}),
              AllOf(HasSubstr("4.00M tokens"), HasSubstr("epochs 4"), HasSubstr("data.epochs = 4"),
                    HasSubstr("the corpus has 900k")));
}

// 156 windows: of 100 passes 2 windows are left, of 150 too.
TEST(EpochsAxisTest, PassesThatRoundingMakesEqualAreOneTrialWithTheirNumberNoted) {
  GridSpec spec = tokens_spec();
  spec.tokens = {20e3};
  spec.sizes = {{10e3}};
  spec.fixed = {{"train.batch", "1"}};
  spec.axes = {{"epochs", {"4", "100", "150"}}};
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 2u);
  EXPECT_EQ(grid.trials[0].trial.data.epochs, 4) << "exact: as it was given";
  EXPECT_EQ(grid.trials[1].trial.data.unique_tokens, 256);
  EXPECT_EQ(grid.trials[1].trial.data.epochs, 78);
  ASSERT_EQ(grid.notes.size(), 2u);
  EXPECT_THAT(grid.notes[0], AllOf(HasSubstr("epochs 100"), HasSubstr("78.0 passes over 256")));
  EXPECT_THAT(grid.notes[1], AllOf(HasSubstr("epochs 150"), HasSubstr("same trial")));
  spec.axes = {{"epochs", {"150"}}};
  EXPECT_EQ(identity(expand(spec, {}).trials[0].trial), identity(grid.trials[1].trial));
}

// Passes that rounding changes little keep their numbers, and are one trial all the same.
TEST(EpochsAxisTest, PassesThatDifferByLessThanAWindowAreOneTrial) {
  GridSpec spec = tokens_spec();
  spec.tokens = {128e3};
  spec.sizes = {{10e3}};
  spec.fixed = {{"train.batch", "1"}};
  spec.axes = {{"epochs", {"100", "100.5"}}};
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 1u);
  EXPECT_EQ(grid.trials[0].trial.data.epochs, 100);
}

TEST(EpochsAxisTest, TokensAtTheCorpusEdgeAreTheSameForAllPasses) {
  GridSpec spec = tokens_spec();
  spec.sizes = {{10e3}};
  spec.fixed = {{"train.batch", "8"}};
  spec.axes = {{"epochs", {"1", "2", "4"}}};
  for (const double corpus : {1000.0 * 128, 1004.0 * 128, 1007.0 * 128}) {  // 8 windows a step
    for (const double times : {1.0, 2.0, 4.0}) {
      if (times > 1) spec.axes[0].second = {"4", "8", "16"};
      spec.tokens = {times * corpus};
      const Grid grid = expand(spec, {.unique_tokens = corpus});
      for (const PlannedTrial& planned : grid.trials) {
        EXPECT_EQ(planned.trial.train.tokens, std::floor(times * corpus / 1024) * 1024);
      }
    }
    spec.axes[0].second = {"1", "2", "4"};
  }
}

TEST(EpochsAxisTest, TheTabularLearnersTokensAreWholeTokens) {
  GridSpec spec = tokens_spec();
  spec.fixed = {{"trainer", "tabular"}, {"data.source", "zipf"}};
  spec.axes = {{"epochs", {"1", "3"}}};
  const Grid grid = expand(spec, {});
  EXPECT_EQ(grid.trials[1].trial.data.unique_tokens, 333334);
}

TEST(EpochsAxisTest, WhatContradictsItIsRefused) {
  GridSpec spec = tokens_spec();
  spec.axes = {{"epochs", {"2"}}};
  spec.fixed = {{"data.epochs", "2"}};
  EXPECT_THAT(kinds_refusal(spec), HasSubstr("data.epochs: and the axis epochs"));
  spec.fixed = {{"data.unique_tokens", "1e6"}};
  EXPECT_THAT(kinds_refusal(spec), HasSubstr("data.unique_tokens: and the axis epochs"));
  spec.fixed.clear();
  spec.axes = {{"epochs", {"0.5"}}};
  EXPECT_THAT(kinds_refusal(spec), HasSubstr("less than one pass"));
}

TEST(UniqueTokensTest, ACapIsAnAxisLikeAnyKeyAndPassesOverItAreLimited) {
  GridSpec spec = tokens_spec();
  spec.axes = {{"data.unique_tokens", {"0", "500k"}}};
  EXPECT_THAT(kinds_refusal(spec, {.unique_tokens = 5e6}),
              AllOf(HasSubstr("data.unique_tokens = 500k"), HasSubstr("data.epochs = 1 passes"),
                    HasSubstr("1.00M tokens")));
  spec.fixed = {{"data.epochs", "8.01"}};
  EXPECT_EQ(expand(spec, {.unique_tokens = 5e6}).trials.size(), 8u);
  EXPECT_EQ(expand(spec, {}).trials.size(), 8u) << "data without end";
  EXPECT_THAT(kinds_refusal(spec, {.unique_tokens = 499e3}),
              AllOf(HasSubstr("caps data.unique_tokens at 500k"), HasSubstr("has 499k")));
}

// The runner sees 7 windows of the cap of 1,000 tokens: 896 x 4 are fewer than 3,840.
TEST(UniqueTokensTest, ACapCountsInWholeWindows) {
  GridSpec spec = tokens_spec();
  spec.tokens = {3840};
  spec.sizes = {{10e3}};
  spec.fixed = {{"data.unique_tokens", "1000"}, {"data.epochs", "4"}, {"train.batch", "1"}};
  EXPECT_THAT(kinds_refusal(spec), AllOf(HasSubstr("data.unique_tokens = 1.00k"),
                                         HasSubstr("whole windows of 128: 896")));
  spec.fixed[0].second = "1024";
  EXPECT_EQ(expand(spec, {}).trials.size(), 1u);
}

// A corpus of 10 blocks of 1,001 tokens: windows do not go over their ends.
TEST(UniqueTokensTest, ACorpusIsCountedInTheWindowsOfEachTrialsContext) {
  GridSpec spec = tokens_spec();
  spec.tokens = {9.7e3};
  spec.sizes = {{10e3}};
  spec.fixed = {{"train.batch", "1"}};
  GridContext context;
  context.in_windows = [](std::int64_t length) {
    return static_cast<double>(10 * (1000 / length) * length);
  };
  spec.axes = {{"model.context", {"100", "250"}}};
  EXPECT_EQ(expand(spec, context).trials.size(), 2u);
  spec.axes = {{"model.context", {"100", "300"}}};
  EXPECT_THAT(kinds_refusal(spec, context),
              AllOf(HasSubstr("model.context 300"), HasSubstr("the corpus has 9.00k")));
}

// --- Values that are none.

TEST(OddValuesTest, EveryKeyIsRefusedOrMakesATrialAndNoneEndsTheProgram) {
  int refused = 0;
  for (const std::string& key : trial_keys()) {
    if (key == "train.tokens" || key == "tabular_params" || key == "recipe_version") continue;
    for (const char* value :
         {"0", "-1", "1e30", "9e15", "9223372036854775807", "1e-300", "nan", "inf", "", "x"}) {
      for (const char* experts : {"0", "4"}) {
        for (const char* schedule : {"cosine", "cooldown"}) {
          GridSpec spec = tokens_spec();
          spec.fixed = {{key, value}};
          if (key != "model.experts") spec.fixed.push_back({"model.experts", experts});
          if (key != "train.schedule") spec.fixed.push_back({"train.schedule", schedule});
          if (key == "model.width") spec.sizes.clear();
          try {
            for (const PlannedTrial& planned : expand(spec, {}).trials) validate(planned.trial);
          } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::kUsage) << key << " = " << value;
            ++refused;
          }
        }
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(OddValuesTest, MoreTokensThanCanBeCountedAreRefused) {
  GridSpec spec = tokens_spec();
  spec.tokens = {1e25};
  EXPECT_THAT(kinds_refusal(spec), AllOf(HasSubstr("1e25 tokens"), HasSubstr("at most 9e15")));
}

TEST(UniqueTokensTest, TrunksAreSharedWhereTheSameDataRepeat) {
  GridSpec spec = tokens_spec();
  spec.sizes = {{10e3}};
  spec.tokens = {1e6, 2e6, 4e6};
  spec.fixed = {{"train.schedule", "cooldown"}, {"train.batch", "4"}};
  const auto trunks = [&] {
    std::vector<std::string> names;
    for (const PlannedTrial& planned : expand(spec, {}).trials) {
      names.push_back(trunk_identity(planned.trial));
    }
    return names;
  };
  // D x epochs: 1M in 1, 2 and 4 passes, ...: distinct tokens are 2^20 / 2^k windows.
  spec.tokens = {1 << 20, 1 << 21, 1 << 22};
  spec.axes = {{"epochs", {"1", "2", "4"}}};
  const auto t = trunks();
  EXPECT_EQ(t[0], t[3]) << "one pass: nothing is capped";
  EXPECT_EQ(t[0], t[6]);
  EXPECT_EQ(t[1], t[5]) << "512k in 2 passes or in 4";
  EXPECT_EQ(t[4], t[8]) << "1M in 2 passes or in 4";
  EXPECT_EQ(std::set<std::string>(t.begin(), t.end()).size(), 5u);
  spec.axes = {{"data.unique_tokens", {"250k", "500k"}}};
  spec.fixed.push_back({"data.epochs", "100"});
  const auto capped = trunks();
  EXPECT_EQ(std::set<std::string>(capped.begin(), capped.end()).size(), 2u);
}

// --- Experts.

TEST(ExpertsAxisTest, WidthDepthRateAndActiveSizeStayAndTheFeedForwardGrows) {
  GridSpec spec = tokens_spec();
  spec.axes = {{"model.experts", {"0", "1", "2", "8"}}};
  const Grid grid = expand(spec, {.vocab = 256});
  ASSERT_EQ(grid.trials.size(), 16u);
  for (std::size_t i = 0; i < grid.trials.size(); i += 4) {
    const Trial& dense = grid.trials[i].trial;
    EXPECT_EQ(dense.model, shape_for_params(i % 8 == 0 ? 10e3 : 20e3, {.vocab = 256}));
    for (std::size_t k = 1; k < 4; ++k) {
      const Trial& sparse = grid.trials[i + k].trial;
      const auto experts = sparse.model.experts;
      EXPECT_EQ(sparse.model.width, dense.model.width);
      EXPECT_EQ(sparse.model.layers, dense.model.layers);
      const auto router = static_cast<double>(dense.model.layers * dense.model.width * experts);
      EXPECT_EQ(active_params_of(sparse), params_of(dense) + router);
      const auto expert = static_cast<double>(count_params(dense.model).feed_forward);
      EXPECT_EQ(params_of(sparse),
                params_of(dense) + router + static_cast<double>(experts - 1) * expert);
      EXPECT_EQ(sparse.train.rate,
                rate_rule(active_params_of(sparse), sparse.train.tokens, 128).rate);
      EXPECT_EQ(sparse.train.batch, dense.train.batch);
    }
  }
}

TEST(ExpertsAxisTest, ABudgetBuysTokensForWhatIsActive) {
  GridSpec spec = tokens_spec();
  spec.kind = GridKind::kIsoflop;
  spec.tokens.clear();
  spec.budgets = {1e12};
  spec.axes = {{"model.experts", {"0", "16"}}};
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    const Trial& t = planned.trial;
    const double batch = static_cast<double>(t.train.batch * t.model.context);
    EXPECT_NEAR(t.train.tokens, 1e12 / (6 * active_params_of(t)), 0.5 * batch + 1e-6);
  }
  spec.kind = GridKind::kTokensPerParam;
  spec.tokens_per_param = {50};
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    EXPECT_NEAR(planned.trial.train.tokens / (50 * active_params_of(planned.trial)), 1, 0.02);
  }
}

TEST(ExpertsAxisTest, DenseTrialsAreOneWhateverTheGridSaysOfExperts) {
  GridSpec spec = tokens_spec();
  spec.fixed = {{"model.router", "topk"}, {"train.balance_loss", "0.02"}};
  spec.axes = {{"model.experts", {"0", "8"}},
               {"model.experts_per_token", {"2"}},
               {"model.granularity", {"1", "4"}}};
  const Grid grid = expand(spec, {});
  EXPECT_EQ(grid.trials.size(), 4u * 3u);
  EXPECT_EQ(grid.notes.size(), 4u);
  EXPECT_EQ(identity(grid.trials[0].trial), identity(expand(tokens_spec(), {}).trials[0].trial));
  EXPECT_EQ(grid.trials[1].trial.train.balance_loss, 0.02);
}

TEST(ExpertsAxisTest, AGranularityThatDoesNotDivideASizesFeedForwardNamesTheSize) {
  GridSpec spec = tokens_spec();
  spec.fixed = {{"model.experts", "8"}, {"model.granularity", "7"}};
  EXPECT_THAT(kinds_refusal(spec),
              AllOf(HasSubstr("size 10.0k"), HasSubstr("model.granularity = 7 does not divide"),
                    HasSubstr("d16")));
}

// --- Masks.

TEST(ObjectiveAxisTest, AMaskedModelsVocabularyHasItsOwnTokensAndMasksAreItsAlone) {
  GridSpec spec = tokens_spec();
  spec.fixed = {{"model.next_sentence", "true"}, {"model.mask_fraction", "0.2"}};
  spec.axes = {{"model.objective", {"autoregressive", "masked"}}};
  const Grid grid = expand(spec, {.vocab = 256});
  EXPECT_EQ(identity(grid.trials[0].trial),
            identity(expand(tokens_spec(), {.vocab = 256}).trials[0].trial));
  EXPECT_EQ(grid.trials[1].trial.model.vocab, 259);
  EXPECT_EQ(grid.trials[1].trial.model.mask_fraction, 0.2);
}

// --- What they cost.

TEST(KindsCostTest, MemoryHoldsAllExpertsAndTimeIsForTheActiveOnes) {
  Trial dense;  // L2 d32 h2x16 f128, GELU, V 256, S 128, batch 4
  dense.train.tokens = 1e6;
  Trial sparse = dense;
  sparse.model.experts = 8;
  sparse.model.experts_per_token = 2;
  sparse.model.granularity = 2;
  sparse.model.shared_experts = 1;
  // 9 experts of 2 x 32 x 64 in each of 2 layers, a router of 8 x 32; 3 experts pass.
  const double more = 2 * (9 * 2 * 32 * 64 - 2 * 32 * 128 + 8 * 32);
  EXPECT_EQ(params_of(sparse), params_of(dense) + more);
  const double activations = 4.0 * 4 * 128 * 2 * (3 * (2 * 64 + 2 * 32) + 3 * 8 - 2 * 128);
  EXPECT_DOUBLE_EQ(memory_bytes(sparse), memory_bytes(dense) + 16 * more + activations);
  const double products = 6.0 * 2 * (3 * 2 * 32 * 64 - 2 * 32 * 128 + 8 * 32);
  EXPECT_DOUBLE_EQ(cost_of(sparse).seconds,
                   cost_of(dense).seconds + 1e6 * products / sustained_flops(32));
  EXPECT_EQ(cost_of(sparse).active_params,
            params_of(dense) + 2 * (3 * 2 * 32 * 64 - 2 * 32 * 128 + 8 * 32));
}

TEST(KindsCostTest, AMaskedModelsLogitsAreOfThePredictedTokens) {
  Trial plain;
  plain.train.tokens = 1e6;
  Trial masked = plain;
  masked.model.objective = Objective::kMasked;  // 19 of 128
  EXPECT_DOUBLE_EQ(memory_bytes(plain) - memory_bytes(masked), 4.0 * 4 * 3 * 256 * (128 - 19));
  EXPECT_DOUBLE_EQ(cost_of(plain).flops_exact - cost_of(masked).flops_exact,
                   1e6 * 6 * 256 * 32 * (1 - 19 / 128.0));
}

}  // namespace
}  // namespace isoflop
