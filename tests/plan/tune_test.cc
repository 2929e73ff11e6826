#include "plan/tune.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rate_rule.h"
#include "core/shape_rule.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> laws_of(const TuneAnswer& answer) {
  std::vector<std::string> names;
  for (const TunedSetting& setting : answer.settings) names.push_back(setting.law);
  return names;
}

const TunedSetting& chosen_of(const TuneAnswer& answer) { return answer.settings[answer.chosen]; }

TEST(Tune, EveryLawStandsBesideTheOthersWithItsOwnCountOfParameters) {
  const TuneAnswer answer = tune({.params = 1e9, .tokens = 20e9});
  EXPECT_THAT(laws_of(answer), ElementsAre("steplaw", "deepseek", "porian", "nanochat", "isoflop"));
  EXPECT_EQ(chosen_of(answer).law, "steplaw");  // 60M to 1.1B, 2B to 100B
  const HyperPoint point = hyper_point_near(1e9, 20e9, {.vocab = 32000, .context = 2048});
  EXPECT_LT(point.nonembedding_params, 1e9);
  EXPECT_DOUBLE_EQ(chosen_of(answer).rate->value,
                   rate_at(published_hyper_law("steplaw"), point)->value);
  // Sequences are whole, and steps those of whole sequences.
  EXPECT_EQ(*chosen_of(answer).sequences, std::round(chosen_of(answer).batch->value / 2048));
  EXPECT_EQ(*chosen_of(answer).steps, std::ceil(20e9 / (*chosen_of(answer).sequences * 2048)));
}

TEST(Tune, TheLawWhoseRangeHoldsTheModelIsTheAnswer) {
  EXPECT_EQ(chosen_of(tune({.params = 2e7, .tokens = 4e8})).law, "porian");
  const TuneAnswer tiny = tune({.params = 1e5, .tokens = 2e6, .base = {.context = 128}});
  EXPECT_EQ(chosen_of(tiny).law, "isoflop");
  EXPECT_THAT(chosen_of(tiny).outside, IsEmpty());
  EXPECT_EQ(chosen_of(tiny).rate->value, rate_rule(1e5, 2e6, 128).rate);
  // In nobody's range: Step Law from 30M parameters, the program's rule below.
  EXPECT_EQ(chosen_of(tune({.params = 7e10, .tokens = 1e12})).law, "steplaw");
  EXPECT_EQ(chosen_of(tune({.params = 2e7, .tokens = 1e13})).law, "isoflop");
}

TEST(Tune, AnOwnLawOrOneAskedForComesFirst) {
  HyperLaw own{.name = "own"};
  own.rate = HyperTerm{.power = {.coefficient = 2, .params = -0.5}};
  const TuneAnswer fitted = tune({.params = 1e8, .tokens = 2e9, .own = own});
  EXPECT_EQ(chosen_of(fitted).law, "own");
  EXPECT_NEAR(chosen_of(fitted).rate->value, 2e-4, 1e-15);
  EXPECT_FALSE(chosen_of(fitted).sequences);
  EXPECT_EQ(fitted.settings.size(), 6u);
  const TuneAnswer asked = tune({.params = 1e8, .tokens = 2e9, .law = "porian"});
  EXPECT_THAT(laws_of(asked), ElementsAre("porian"));
  EXPECT_THAT(laws_of(tune({.params = 1e8, .tokens = 2e9, .law = "isoflop"})),
              ElementsAre("isoflop"));
}

TEST(Tune, NumbersThatAreNoneAndUnknownLawsAreErrors) {
  EXPECT_THROW(tune({.params = 0, .tokens = 1e9}), Error);
  EXPECT_THROW(tune({.params = 1e9, .tokens = -1}), Error);
  EXPECT_THROW(tune({.params = 1e9, .tokens = 1e9, .law = "mine"}), Error);
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-5}, std::int64_t{1} << 62}) {
    EXPECT_THROW(tune({.params = 1e9, .tokens = 1e9, .base = {.vocab = count}}), Error);
    EXPECT_THROW(tune({.params = 1e9, .tokens = 1e9, .base = {.context = count}}), Error);
  }
  HyperLaw own{.name = "own"};
  own.rate = HyperTerm{.power = {.coefficient = 1e300, .params = 3}};
  EXPECT_THROW(tune({.params = 1e9, .tokens = 1e9, .own = own}), Error);
}

// Far below any shape of the rule N alone is known.
TEST(Tune, WithoutAShapeEveryCountIsN) {
  const HyperPoint point = hyper_point_near(10, 100, {.vocab = 32000, .context = 2048});
  EXPECT_EQ(point.nonembedding_params, 10);
  EXPECT_EQ(point.flops, 6000);
  EXPECT_THAT(tune({.params = 10, .tokens = 100}).assumptions.at(0),
              ::testing::StartsWith("N alone, 10.0,"));
  EXPECT_THAT(tune({.params = 1e9, .tokens = 20e9}).assumptions.at(0),
              ::testing::StartsWith("a dense model by the shape rule"));
}

}  // namespace
}  // namespace isoflop
