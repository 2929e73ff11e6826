#include "sweep/grid.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "core/error.h"
#include "core/rate_rule.h"
#include "core/schedule.h"
#include "core/shape_rule.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

GridSpec isoflop_spec() {
  GridSpec spec;
  spec.name = "s";
  spec.budgets = {1e11, 4e11};
  spec.sizes = {{10e3, 20e3, 40e3}};
  return spec;
}

std::string refusal_of(const GridSpec& spec, const GridContext& context = {}) {
  try {
    expand(spec, context);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "was not refused";
}

double batch_tokens(const Trial& trial) {
  return static_cast<double>(trial.train.batch * trial.model.context);
}

TEST(GridTest, ABudgetIsSpentToWithinHalfABatch) {
  for (const FlopConvention convention : {FlopConvention::k6nd, FlopConvention::kExact}) {
    GridSpec spec = isoflop_spec();
    spec.convention = convention;
    const Grid grid = expand(spec, {});
    ASSERT_EQ(grid.trials.size(), 6u);
    for (const PlannedTrial& planned : grid.trials) {
      const Trial& trial = planned.trial;
      EXPECT_EQ(std::fmod(trial.train.tokens, batch_tokens(trial)), 0);
      const double half_batch = 0.5 * batch_tokens(trial) * flops_per_token(trial, convention);
      EXPECT_NEAR(total_flops(trial, convention), *planned.budget, half_batch * (1 + 1e-9));
    }
  }
}

TEST(GridTest, BudgetsComeFirstThenSizesThenAxes) {
  GridSpec spec = isoflop_spec();
  spec.axes = {{"seed", {"1", "2"}}};
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 12u);
  EXPECT_THAT(grid.trials[0].budget, Optional(1e11));
  EXPECT_THAT(grid.trials[6].budget, Optional(4e11));
  EXPECT_EQ(grid.trials[1].trial.seed, 2);
  EXPECT_LT(params_of(grid.trials[0].trial), params_of(grid.trials[2].trial));
}

TEST(GridTest, ShapesAndRatesFollowTheRules) {
  GridSpec spec = isoflop_spec();
  spec.fixed = {{"model.norm", "layernorm"}};
  const Trial trial = expand(spec, {.vocab = 300}).trials[1].trial;
  ModelConfig base;
  base.vocab = 300;
  base.norm = Norm::kLayerNorm;
  EXPECT_EQ(trial.model, shape_for_params(20e3, base));
  const double tokens = 1e11 / flops_per_token(trial, FlopConvention::k6nd);
  const RateAndBatch rule = rate_rule(params_of(trial), tokens, trial.model.context);
  EXPECT_EQ(trial.train.rate, rule.rate);
  EXPECT_EQ(trial.train.batch, rule.batch);
}

TEST(GridTest, WhatTheGridNamesIsNotLeftToTheRules) {
  GridSpec spec = isoflop_spec();
  spec.fixed = {{"train.rate", "0.005"}, {"model.layers", "5"}};
  spec.axes = {{"train.batch", {"2", "8"}}};
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    EXPECT_EQ(planned.trial.train.rate, 0.005);
    EXPECT_EQ(planned.trial.model.layers, 5);
    EXPECT_THAT(planned.trial.train.batch, ::testing::AnyOf(2, 8));
  }
}

TEST(GridTest, AWidthTakesTheSizesPlace) {
  GridSpec spec = isoflop_spec();
  spec.sizes.clear();
  spec.axes = {{"model.width", {"16", "32"}}};
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 4u);
  EXPECT_EQ(grid.trials[0].trial.model, shape_for_width(16, {}));
  spec.sizes = {{1e4}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("keep one of the two"));
}

TEST(GridTest, TokensAndTokensPerParameterAreKept) {
  GridSpec spec = isoflop_spec();
  spec.kind = GridKind::kTokens;
  spec.tokens = {1e6};
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    EXPECT_NEAR(planned.trial.train.tokens, 1e6, 0.5 * batch_tokens(planned.trial));
    EXPECT_FALSE(planned.budget);
  }
  spec.kind = GridKind::kTokensPerParam;
  spec.tokens_per_param = {20};
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    EXPECT_NEAR(planned.trial.train.tokens, 20 * params_of(planned.trial),
                0.5 * batch_tokens(planned.trial));
  }
}

TEST(GridTest, TheTabularLearnersSizeIsItsN) {
  GridSpec spec = isoflop_spec();
  spec.fixed = {{"trainer", "tabular"}, {"data.source", "zipf"}};
  const Grid grid = expand(spec, {});
  EXPECT_EQ(params_of(grid.trials[0].trial), 10e3);
  EXPECT_EQ(grid.trials[0].trial.train.tokens, std::round(1e11 / 6 / 10e3));
  EXPECT_EQ(grid.trials[0].trial.data.hash, "");
}

TEST(GridTest, EachBudgetMayHaveItsOwnSizes) {
  GridSpec spec = isoflop_spec();
  spec.sizes = {{10e3}, {20e3, 40e3}};
  EXPECT_EQ(expand(spec, {}).trials.size(), 3u);
  spec.sizes = {{10e3}, {20e3}, {40e3}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("3 lists for 2"));
}

TEST(GridTest, EqualTrialsAreOneWithANote) {
  GridSpec spec = isoflop_spec();
  spec.sizes = {{20e3, 20.01e3}};
  const Grid grid = expand(spec, {});
  EXPECT_EQ(grid.trials.size(), 2u);
  ASSERT_EQ(grid.notes.size(), 2u);
  EXPECT_THAT(grid.notes[0], HasSubstr("same trial"));
  std::set<std::string> ids;
  for (const PlannedTrial& planned : grid.trials) ids.insert(identity(planned.trial));
  EXPECT_EQ(ids.size(), grid.trials.size());
}

TEST(GridTest, ABudgetThatWholeBatchesMissIsNoted) {
  GridSpec spec = isoflop_spec();
  EXPECT_TRUE(expand(spec, {}).notes.empty());
  spec.fixed = {{"train.batch", "2000"}};  // 2,000 x 128 tokens, of 420k to 6.7M
  const Grid grid = expand(spec, {});
  ASSERT_FALSE(grid.notes.empty());
  EXPECT_THAT(grid.notes[0], HasSubstr("rounded to"));
}

TEST(GridTest, AVocabularyThatIsNotTheDatasIsRefused) {
  GridSpec spec = isoflop_spec();
  spec.fixed = {{"model.vocab", "512"}};
  EXPECT_EQ(expand(spec, {.vocab = 512}).trials[0].trial.model.vocab, 512);
  EXPECT_THAT(refusal_of(spec, {.vocab = 256}), HasSubstr("256 tokens"));
  // A masked model's own tokens come on top.
  spec.fixed = {{"model.objective", "masked"}};
  EXPECT_EQ(expand(spec, {.vocab = 256}).trials[0].trial.model.vocab, 257);
  spec.fixed.emplace_back("model.next_sentence", "true");
  EXPECT_EQ(expand(spec, {.vocab = 256}).trials[0].trial.model.vocab, 259);
  spec.fixed.emplace_back("model.vocab", "256");
  EXPECT_THAT(refusal_of(spec, {.vocab = 256}), HasSubstr("leave it out"));
}

TEST(GridTest, TheCorpusIsPartOfTheTrial) {
  const Grid grid = expand(isoflop_spec(), {.corpus_hash = "abc"});
  EXPECT_EQ(grid.trials[0].trial.data.hash, "abc");
}

TEST(GridTest, NoTrialSeesATokenTwice) {
  GridSpec spec = isoflop_spec();
  const std::string why = refusal_of(spec, {.unique_tokens = 1e6});
  EXPECT_THAT(why, HasSubstr("budget 1e11, size 10"));
  EXPECT_THAT(why, HasSubstr("the corpus has"));
}

TEST(GridTest, MorePassesOverTheCorpusMayBeAllowed) {
  GridSpec spec = isoflop_spec();
  EXPECT_THAT(refusal_of(spec, {.unique_tokens = 4e6}), HasSubstr("raise data.epochs"));
  spec.fixed = {{"data.epochs", "2"}};
  EXPECT_EQ(expand(spec, {.unique_tokens = 4e6}).trials.size(), 6u);
  EXPECT_THAT(refusal_of(spec, {.unique_tokens = 3e6}), HasSubstr("data.epochs = 2 passes"));
}

TEST(GridTest, AllOfTheCorpusIsNotTooMuch) {
  GridSpec spec = isoflop_spec();
  spec.kind = GridKind::kTokens;
  // One token short of a whole number of batches of any size: the nearest whole number is too many.
  spec.tokens = {128 * 720720 - 1};
  for (const PlannedTrial& planned : expand(spec, {.unique_tokens = spec.tokens[0]}).trials) {
    EXPECT_LE(planned.trial.train.tokens, spec.tokens[0]);
    EXPECT_GT(planned.trial.train.tokens, spec.tokens[0] - batch_tokens(planned.trial));
  }
}

// --- Schedule cooldown: nothing before the branch may know of D.

GridSpec cooldown_spec() {
  GridSpec spec = isoflop_spec();
  spec.fixed = {{"train.schedule", "cooldown"}};
  return spec;
}

TEST(GridTest, TrialsOfOneSizeShareTheirTrunkWhateverTheirBudget) {
  const Grid grid = expand(cooldown_spec(), {});
  ASSERT_EQ(grid.trials.size(), 6u);
  std::set<std::string> trunks;
  for (size_t i = 0; i < 3; ++i) {
    const Trial& small = grid.trials[i].trial;
    const Trial& large = grid.trials[i + 3].trial;
    EXPECT_LT(small.train.tokens, large.train.tokens);
    EXPECT_EQ(trunk_identity(small), trunk_identity(large));
    trunks.insert(trunk_identity(small));
    const double n = params_of(small);
    const RateAndBatch rule = rate_rule(n, 0, 128, "cooldown");
    EXPECT_EQ(small.train.rate, rule.rate);
    EXPECT_EQ(small.train.batch, rule.batch);
    EXPECT_EQ(small.train.warmup_tokens, n);
  }
  EXPECT_EQ(trunks.size(), 3u);
}

TEST(GridTest, ASeedHasATrunkOfItsOwn) {
  GridSpec spec = cooldown_spec();
  spec.axes = {{"seed", {"1", "2"}}};
  std::set<std::string> trunks;
  for (const PlannedTrial& planned : expand(spec, {}).trials) {
    trunks.insert(trunk_identity(planned.trial));
  }
  EXPECT_EQ(trunks.size(), 6u);
}

TEST(GridTest, AWarmUpThatDoesNotFitBeforeTheCooldownIsRefused) {
  GridSpec spec = cooldown_spec();
  spec.kind = GridKind::kTokensPerParam;
  spec.tokens_per_param = {1.2};
  const std::string why = refusal_of(spec);
  EXPECT_THAT(why, HasSubstr("size 10.0k, 1.2 tokens per parameter"));
  EXPECT_THAT(why, HasSubstr("warm-up takes"));
  spec.fixed.push_back({"train.warmup_tokens", "2000"});
  EXPECT_EQ(expand(spec, {}).trials[0].trial.train.warmup_tokens, 2000);
}

TEST(GridTest, WhatWouldTieATrunkToItsTokensIsRefused) {
  GridSpec spec = cooldown_spec();
  spec.fixed.push_back({"train.warmup", "0.1"});
  EXPECT_THAT(refusal_of(spec), HasSubstr("train.warmup_tokens"));
  spec = cooldown_spec();
  spec.fixed.push_back({"trainer", "tabular"});
  EXPECT_THAT(refusal_of(spec), HasSubstr("tabular"));
}

TEST(GridTest, ABracketComesBehindTheGrid) {
  GridSpec spec = cooldown_spec();
  spec.bracket = 2;
  const Grid grid = expand(spec, {});
  ASSERT_EQ(grid.trials.size(), 6u + 2 * 3u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(grid.trials[i].role, TrialRole::kGrid);
  for (size_t i = 6; i < 12; ++i) EXPECT_EQ(grid.trials[i].role, TrialRole::kBracket);
  spec.axes = {{"train.rate", {"0.01", "0.02"}}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("train.rate"));
}

TEST(GridTest, MalformedGridsAreRefusedWithWhatToDo) {
  GridSpec spec = isoflop_spec();
  spec.budgets = {1e5};
  EXPECT_THAT(refusal_of(spec), HasSubstr("less than half a batch"));
  spec = isoflop_spec();
  spec.budgets.clear();
  EXPECT_THAT(refusal_of(spec), HasSubstr("budgets"));
  spec = isoflop_spec();
  spec.sizes.clear();
  EXPECT_THAT(refusal_of(spec), HasSubstr("sizes"));
  spec = isoflop_spec();
  spec.fixed = {{"train.tokens", "1e6"}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("cannot be set"));
  spec = isoflop_spec();
  spec.fixed = {{"seed", "1"}};
  spec.axes = {{"seed", {"2"}}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("set twice"));
  spec = isoflop_spec();
  spec.axes = {{"train.rat", {"0.1"}}};
  EXPECT_THAT(refusal_of(spec), HasSubstr("train.rate"));
  spec = isoflop_spec();
  spec.budgets = {-1e12};
  EXPECT_THAT(refusal_of(spec), HasSubstr("not above 0"));
}

}  // namespace
}  // namespace isoflop
