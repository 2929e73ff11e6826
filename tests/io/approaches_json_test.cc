#include "io/approaches_json.h"

#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"

namespace isoflop {
namespace {

// Through text, as in a file.
template <typename Fit, typename Write, typename Read>
Fit through_text(const Fit& fit, Write write, Read read) {
  const Json json = parse_json(json_text(write(fit)), "f.json");
  return read(JsonReader(json, "f.json"));
}

PowerLawFit some_line(double slope) {
  return {.line = {-1.0 / 3, slope}, .draws = {{-0.1, slope + 0.01}, {-0.2, slope - 0.01}}};
}

IsoflopFit some_isoflop() {
  IsoflopFit fit{.a = {.value = 0.49, .low = 0.46, .high = 0.53}, .b = {.value = 0.51}};
  fit.profiles = {{.budget = 6e18,
                   .points = 8,
                   .sizes = 7,
                   .usable = true,
                   .code = "",
                   .estimator = "akima",
                   .params = 1e8,
                   .tokens = 1e10,
                   .loss = 3,
                   .curvature = 0.1,
                   .akima = 1e8,
                   .parabola = 1.1e8,
                   .joint = {},
                   .log_error = 0.03,
                   .disagreement = 0.0953},
                  {.budget = 1e19, .points = 2, .code = "too_few_points"}};
  fit.params_law = some_line(0.49);
  fit.tokens_law = some_line(0.51);
  fit.level = 0.8;
  fit.usable = true;
  fit.estimators = {{"akima", 5, {.value = 0.49, .low = 0.4, .high = 0.6}, {.value = 0.51}, 0.1}};
  fit.noise = 0.002;
  fit.noise_source = "residuals";
  fit.scatter = 1.25;
  fit.warnings = {{"noisy_minima", "noisy"}};
  return fit;
}

TEST(ApproachesJson, IsoflopReadsBackEqual) {
  const IsoflopFit fit = some_isoflop();
  EXPECT_EQ(through_text(fit, isoflop_json, read_isoflop), fit);
  const IsoflopFit refused{.usable = false, .why_not = "1 of 3 budgets"};
  EXPECT_EQ(through_text(refused, isoflop_json, read_isoflop), refused);
}

TEST(ApproachesJson, EnvelopeReadsBackEqual) {
  EnvelopeFit fit{.usable = true, .runs = 20, .sizes = 5};
  fit.steps = {{.params = 1e8,
                .runs = "a, b",
                .flops_low = 1e17,
                .flops_high = 1e18,
                .tokens_low = 1e9,
                .tokens_high = 1e10,
                .loss = 3.5,
                .grid_points = 400,
                .bracketed = true}};
  fit.flops_low = 1e17, fit.flops_high = 1e20;
  fit.params_law = some_line(0.5);
  fit.tokens_law = some_line(0.5);
  fit.a_as_printed = 0.4;
  fit.interval_method = "subsets";
  fit.thirds = {{1e17, 1e18, 0.5}, {1e18, 1e19, std::nullopt}};
  fit.warnings = {{"one_horizon", "one"}};
  EXPECT_EQ(through_text(fit, envelope_json, read_envelope), fit);
  const EnvelopeFit refused{.code = "no_curves", .why_not = "there are none"};
  EXPECT_EQ(through_text(refused, envelope_json, read_envelope), refused);
}

TEST(ApproachesJson, TheComparisonReadsBackEqual) {
  ApproachComparison comparison{.flops = 1e21, .level = 0.9};
  ApproachAnswer answer{.approach = 2, .usable = true, .a = {.value = 0.5}, .b = {.value = 0.5}};
  answer.params = {.value = 1e9, .low = 0.9e9, .high = 1.2e9};
  answer.tokens = {.value = 1e11};
  ApproachAnswer third = answer;
  third.approach = 3;
  third.loss = Interval{.value = 2.2, .low = 2.1, .high = 2.3};
  comparison.answers = {{.approach = 1, .code = "no_curves", .why_not = "none"}, answer, third};
  comparison.pairs = {{2, 3, 1.0, 0.25}, {1, 3, 2.0, std::nullopt}};
  comparison.verdict = "they agree";
  comparison.warnings = {{"approaches_disagree", "far"}};
  EXPECT_EQ(through_text(comparison, approaches_json, read_approaches), comparison);
}

TEST(ApproachesJson, WhatIsNotFiniteIsNotWritten) {
  IsoflopFit fit = some_isoflop();
  fit.params_law.draws[1].slope = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(isoflop_json(fit), Error);
}

TEST(ApproachesJson, ALevelThatIsNoProbabilityIsNamed) {
  Json json = isoflop_json(some_isoflop());
  json["level"] = 7;
  try {
    read_isoflop(JsonReader(json, "f.json"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("level: must be between 0 and 1"), std::string::npos);
  }
}

TEST(ApproachesJson, AMissingFieldIsNamed) {
  Json json = isoflop_json(some_isoflop());
  json.erase("params_law");
  try {
    read_isoflop(JsonReader(json, "f.json"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("params_law"), std::string::npos);
  }
}

}  // namespace
}  // namespace isoflop
