#include "fit/approach_comparison.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// N* = `params` with a 90 % interval of `error` standard errors of ln N.
ApproachAnswer answer_with(int approach, double params, double error) {
  ApproachAnswer answer{.approach = approach, .usable = true};
  const double reach = std::exp(1.6448536269514722 * error);
  answer.params = {.value = params, .low = params / reach, .high = params * reach};
  return answer;
}

TEST(ApproachComparison, DisagreementIsInUnitsOfTheCombinedError) {
  const ApproachComparison found =
      compare_approaches({answer_with(2, 1e9, 0.03), answer_with(3, 1.1e9, 0.04)}, 1e21);
  ASSERT_EQ(found.pairs.size(), 1u);
  EXPECT_EQ(found.pairs[0].first, 2);
  EXPECT_EQ(found.pairs[0].second, 3);
  EXPECT_NEAR(found.pairs[0].ratio, 1.1, 1e-12);
  EXPECT_NEAR(*found.pairs[0].z, std::log(1.1) / 0.05, 1e-9);
  EXPECT_TRUE(found.warnings.empty());
  EXPECT_THAT(found.verdict, HasSubstr("agree within 1.9"));
}

TEST(ApproachComparison, BeyondTwoErrorsItWarns) {
  const ApproachComparison found = compare_approaches(
      {answer_with(1, 1e9, 0.05), answer_with(2, 1e9, 0.05), answer_with(3, 2e9, 0.05)}, 1e21);
  EXPECT_EQ(found.pairs.size(), 3u);
  ASSERT_EQ(found.warnings.size(), 2u);
  EXPECT_EQ(found.warnings[0].code, "approaches_disagree");
  EXPECT_THAT(found.warnings[0].message, HasSubstr("approach 3 is 2.00 times that of approach 1"));
  EXPECT_THAT(found.verdict, HasSubstr("disagree: N* from 1.00B to 2.00B"));
}

TEST(ApproachComparison, ARefusedApproachKeepsItsReasonAndMakesNoPair) {
  const ApproachComparison found = compare_approaches(
      {refused_answer(1, "no_curves", "there are none"), answer_with(3, 1e9, 0.1)}, 1e21);
  EXPECT_TRUE(found.pairs.empty());
  EXPECT_EQ(found.answers[0].code, "no_curves");
  EXPECT_THAT(found.verdict, HasSubstr("nothing confirms it"));
  EXPECT_THAT(compare_approaches({refused_answer(1, "no_curves", "none")}, 1e21).verdict,
              HasSubstr("no approach has an answer"));
}

TEST(ApproachComparison, WithoutIntervalsThereIsARatioButNoZ) {
  ApproachAnswer preset{.approach = 3, .usable = true};
  preset.params.value = 3e9;
  const ApproachComparison found = compare_approaches({answer_with(2, 1e9, 0.1), preset}, 1e21);
  ASSERT_EQ(found.pairs.size(), 1u);
  EXPECT_FALSE(found.pairs[0].z.has_value());
  EXPECT_NEAR(found.pairs[0].ratio, 3, 1e-12);
  EXPECT_THAT(found.verdict, HasSubstr("not all approaches know their error"));
}

TEST(ApproachComparison, AnswersAreReadOffTheLines) {
  IsoflopFit isoflop{.usable = true};
  isoflop.params_law.line = {.intercept = std::log(0.1), .slope = 0.5};
  isoflop.params_law.draws = {{std::log(0.09), 0.5}, {std::log(0.11), 0.5}};
  isoflop.tokens_law.line = {.intercept = std::log(10.0 / 6), .slope = 0.5};
  const ApproachAnswer answer = isoflop_answer(isoflop, 1e20);
  EXPECT_EQ(answer.approach, 2);
  EXPECT_NEAR(answer.params.value, 1e9, 1);
  EXPECT_NEAR(*answer.params.low, 0.91e9, 1e6);  // 5 % of the way from 0.9 to 1.1
  EXPECT_NEAR(answer.tokens.value * answer.params.value * 6, 1e20, 1e8);
  EXPECT_FALSE(answer.loss.has_value());
  EXPECT_FALSE(isoflop_answer({.why_not = "flat"}, 1e20).usable);
  EXPECT_EQ(envelope_answer({.code = "too_few_sizes"}, 1e20).code, "too_few_sizes");
}

TEST(ApproachComparison, RefusesABudgetThatIsNone) {
  EXPECT_THROW(compare_approaches({}, 0), Error);
  EXPECT_THROW(compare_approaches({}, 1e20, 1), Error);
}

}  // namespace
}  // namespace isoflop
