#include "core/hyper_law.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/shape_rule.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// DeepSeek LLM 7B and 67B as trained on 2T tokens: peak rates 4.2e-4 and 3.2e-4, batches of 2,304
// and 4,608 sequences of 4,096 (arXiv:2401.02954, table 2), rounded from the law: 3 % and 10 %.
TEST(HyperLaw, DeepSeeksOwnModels) {
  const HyperLaw& law = published_hyper_law("deepseek");
  HyperPoint point = hyper_point(7e9, 2e12);
  point.flops = (72.0 * 30 * 4096 * 4096 + 12.0 * 30 * 4096 * 4096) * 2e12;
  EXPECT_NEAR(rate_at(law, point)->value / 4.2e-4, 1, 0.03);
  EXPECT_NEAR(batch_at(law, point)->value / (2304 * 4096), 1, 0.1);
  point.flops = (72.0 * 95 * 8192 * 8192 + 12.0 * 95 * 8192 * 4096) * 2e12;
  EXPECT_NEAR(rate_at(law, point)->value / 3.2e-4, 1, 0.03);
  EXPECT_NEAR(batch_at(law, point)->value / (4608 * 4096), 1, 0.1);
}

// Step Law's README: 1.79 N^-0.713 D^0.307 and 0.58 D^0.571, by hand at N = 1e9, D = 1e11.
TEST(HyperLaw, StepLawByHand) {
  const HyperLaw& law = published_hyper_law("steplaw");
  const HyperPoint point = hyper_point(1e9, 1e11);
  EXPECT_NEAR(rate_at(law, point)->value, 1.79 * std::pow(10, -0.713 * 9 + 0.307 * 11), 1e-12);
  EXPECT_NEAR(batch_at(law, point)->value, 0.58 * std::pow(10, 0.571 * 11), 1e-3);
  EXPECT_THAT(outside_of(law, point), IsEmpty());
  EXPECT_THAT(
      outside_of(law, hyper_point(7e9, 1e12)),
      ElementsAre(HasSubstr("N 7.00B is 6.36x above 1.10B"), HasSubstr("D 1.00T is 10.0x")));
  EXPECT_EQ(power_text(law.rate->power), "1.79 N^-0.713 D^0.307");
  EXPECT_EQ(range_text(law), "N 60.0M to 1.10B, D 2.00B to 100B");
}

TEST(HyperLaw, NanochatGoesThroughItsOwnMeasurement) {
  const HyperLaw& law = published_hyper_law("nanochat");
  EXPECT_NEAR(batch_at(law, hyper_point(1e8, 1.32e9))->value, 524288, 1);
  EXPECT_FALSE(rate_at(law, hyper_point(1e8, 1.32e9)));
}

// Each law counts N in its own way: of a shape all of them are known.
TEST(HyperLaw, EachLawCountsItsOwnParameters) {
  const ModelConfig model = shape_for_params(1e8, {.vocab = 32000, .context = 2048});
  const ParamCount count = count_params(model);
  const HyperPoint point = hyper_point(model, 2e9);
  EXPECT_EQ(params_as(CountedParams::kAll, point), static_cast<double>(count.total()));
  EXPECT_EQ(params_as(CountedParams::kNonEmbedding, point),
            static_cast<double>(count.non_embedding()));
  EXPECT_EQ(params_as(CountedParams::kLinear, point),
            static_cast<double>(count.non_embedding() + 32000 * model.width));
  // 72 L d^2 + 12 L d S where attention is d wide and the feed-forward 4 d.
  const auto l = static_cast<double>(model.layers), d = static_cast<double>(model.width);
  const double per_token = 72 * l * d * d + 12 * l * d * 2048;
  EXPECT_NEAR(point.flops / (per_token * 2e9), 1, 1e-12);
}

TEST(HyperLaw, IntervalsAreTheDrawsQuantiles) {
  HyperLaw law{.name = "own"};
  law.rate = HyperTerm{.power = {.coefficient = 1}};
  for (int i = 1; i <= 101; ++i) law.rate->draws.push_back({.coefficient = i / 100.0});
  const Interval at = *rate_at(law, hyper_point(1e6, 1e7));
  EXPECT_NEAR(*at.low, 0.06, 1e-12);
  EXPECT_NEAR(*at.high, 0.96, 1e-12);
}

TEST(HyperLaw, AnUnknownNameListsTheKnownOnes) {
  try {
    published_hyper_law("stepflaw");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("steplaw, deepseek, porian, nanochat"));
  }
  EXPECT_EQ(parse_counted_params("non-embedding"), CountedParams::kNonEmbedding);
  EXPECT_THROW(parse_counted_params("some"), Error);
}

// 1e-200 (1e9)^40 (1e4)^-40 is 1, though its second factor is beyond all numbers.
TEST(HyperLaw, FactorsBeyondAllNumbersMakeGoodForEachOther) {
  const HyperPower power{.coefficient = 1e-200, .params = 40, .tokens = -40};
  const double got = value_at(power, CountedParams::kAll, hyper_point(1e9, 1e4));
  EXPECT_NEAR(std::log(got), (-200 + 40 * 9 - 40 * 4) * std::log(10.0), 1e-9);
  const HyperPower lost{.coefficient = 1e300, .params = 300, .tokens = -300};
  EXPECT_FALSE(std::isnan(value_at(lost, CountedParams::kAll, hyper_point(1e9, 1e12))));
}

TEST(HyperLaw, AnIntervalThatEndsBeyondAllNumbersIsNotSaid) {
  HyperLaw law{.name = "own"};
  law.rate = HyperTerm{.power = {.coefficient = 1, .params = -0.5}};
  law.rate->draws = {{.coefficient = 1, .params = 100}, {.coefficient = 1, .params = -1}};
  const Interval far = *rate_at(law, hyper_point(1e9, 1e10));
  EXPECT_NEAR(far.value, std::pow(1e9, -0.5), 1e-15);
  EXPECT_FALSE(far.low || far.high);
}

}  // namespace
}  // namespace isoflop
