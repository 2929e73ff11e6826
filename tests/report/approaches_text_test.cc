#include "report/approaches_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ApproachesText, ProfilesShowWhyABudgetWasRefused) {
  IsoflopFit isoflop;
  isoflop.profiles = {
      {.budget = 1e19, .points = 5, .usable = true, .params = 2e8, .tokens = 8e9, .loss = 3},
      {.budget = 1e20, .points = 4, .usable = false, .code = "not_bracketed"},
      {.budget = 3e20, .points = 1, .usable = false, .code = "too_few_points"}};
  const TextTable table = profile_table(isoflop);
  ASSERT_EQ(table.rows.size(), 2u);  // a budget with one run is no profile
  EXPECT_EQ(table.rows[0].back(), "bracketed");
  EXPECT_EQ(table.rows[1].back(), "not_bracketed");
  EXPECT_EQ(table.rows[1][2], "-");
}

TEST(ApproachesText, ShowsTheThreeMinimaTheirDisagreementAndTheNoise) {
  IsoflopFit isoflop{.a = {.value = 0.5, .low = 0.45, .high = 0.55}, .b = {.value = 0.5}};
  isoflop.usable = true;
  isoflop.noise = 0.0021;
  isoflop.noise_source = "residuals";
  isoflop.scatter = 1.5;
  isoflop.profiles = {{.budget = 1e19, .points = 5, .sizes = 5, .usable = true}};
  BudgetProfile& p = isoflop.profiles[0];
  p.params = 2e8, p.tokens = 8e9, p.loss = 3;
  p.akima = 2e8, p.parabola = 2.1e8, p.log_error = 0.031, p.disagreement = 0.0488;
  isoflop.estimators = {
      {"parabola", 4, {.value = 0.49, .low = 0.47, .high = 0.51}, {.value = 0.51}, 0.02}};
  const std::string text = isoflop_text(isoflop);
  EXPECT_THAT(text, HasSubstr("200M"));
  EXPECT_THAT(text, HasSubstr("210M"));
  EXPECT_THAT(text, HasSubstr("\u00b13.1 %"));
  EXPECT_THAT(text, HasSubstr("4.9 %"));
  EXPECT_THAT(text, HasSubstr("a 0.500 [0.450, 0.550]"));
  EXPECT_THAT(text, HasSubstr("0.490 [0.470, 0.510]"));
  EXPECT_THAT(text, HasSubstr("noise of one loss: 0.21 %, from residuals; the minima scatter 1.5"));
  isoflop.noise_source = "";
  EXPECT_THAT(isoflop_text(isoflop), HasSubstr("so no intervals"));
}

TEST(ApproachesText, AnEnvelopeShowsItsStepsAndThePrintedExponent) {
  EnvelopeFit envelope{.usable = true, .runs = 20, .sizes = 3};
  envelope.steps = {{.params = 1e8, .flops_low = 1e17, .flops_high = 1e18, .bracketed = false},
                    {.params = 2e8, .flops_low = 1e18, .flops_high = 1e19, .bracketed = true}};
  envelope.a = {.value = 0.5, .low = 0.4, .high = 0.6};
  envelope.a_as_printed = 0.35;
  envelope.thirds = {{1e17, 1e18, 0.55}, {1e18, 1e19, std::nullopt}, {1e19, 1e20, 0.45}};
  const std::string text = envelope_text(envelope);
  EXPECT_THAT(text, HasSubstr("cut off"));
  EXPECT_THAT(text, HasSubstr("bracketed"));
  EXPECT_THAT(text, HasSubstr("as printed: a 0.350"));
  EXPECT_THAT(text, HasSubstr("by thirds of ln C: a 0.550 - 0.450\n"));
  const EnvelopeFit refused{.code = "no_curves", .why_not = "there are no training curves"};
  EXPECT_THAT(envelope_text(refused), HasSubstr("no law from the envelope: there are no training"));
}

TEST(ApproachesText, TheThreeStandInOneTable) {
  ApproachComparison comparison{.flops = 5.76e23, .level = 0.9};
  ApproachAnswer answer{.approach = 2, .usable = true, .a = {.value = 0.49}, .b = {.value = 0.51}};
  answer.params = {.value = 63e9, .low = 50e9, .high = 80e9};
  answer.tokens = {.value = 1.5e12};
  comparison.answers = {{.approach = 1, .code = "no_curves", .why_not = "no training curves"},
                        answer};
  comparison.pairs = {{2, 3, 1.16, 1.25}, {1, 3, 2, std::nullopt}};
  comparison.verdict = "they agree";
  comparison.warnings = {{"approaches_disagree", "far"}};
  const std::string text = approaches_text(comparison);
  EXPECT_THAT(text, HasSubstr("At 5.76e23 FLOP, 90 % intervals\n"));
  EXPECT_THAT(text, HasSubstr("63.0B [50.0B, 80.0B]"));
  EXPECT_THAT(text, HasSubstr("approach 1: no training curves [no_curves]\n"));
  EXPECT_THAT(text,
              HasSubstr("N* of approach 3 over approach 2: 1.16, 1.2 combined errors apart\n"));
  EXPECT_THAT(text, HasSubstr("error unknown"));
  EXPECT_THAT(text, HasSubstr("they agree\n"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace isoflop
