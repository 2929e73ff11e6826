// Rows that cannot tell a law's parameters, and rows of no law at all.
#include "fit/form_determined.h"

#include <cmath>
#include <gmock/gmock.h>
#include <limits>

#include "core/error.h"
#include "fit/conventions.h"
#include "fit/fit_law.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Observation> once_seen() {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  for (Observation& row : rows) row.extra["unique_tokens"] = row.tokens;
  return rows;
}

std::vector<Observation> of_one_size() {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  for (Observation& row : rows) {
    row.params = 1e8;
    row.flops = 6 * row.params * row.tokens;
    row.loss = predict_loss(kTruth, row.params, row.tokens);
  }
  return rows;
}

FitOptions quick(const std::string& law) {
  return {.law = law, .draws = 0, .isoflop = false, .backtest = false};
}

// The code of a refusal, or what was thrown instead; empty: nothing was.
std::string code_of(const std::vector<Observation>& rows, const FitOptions& options) {
  try {
    fit_law(rows, "runs.csv", options);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kRefused ? error.code() : error.what();
  }
  return "";
}

TEST(Undetermined, AnExponentOfRepetitionIsNotMadeUpWhereNothingRepeats) {
  FitOptions options = quick("muennighoff");
  EXPECT_EQ(code_of(once_seen(), options), "no_repeats");
  options.constraints = {{.name = "R_D", .fixed = 15.39}, {.name = "R_N", .fixed = 5.31}};
  EXPECT_EQ(code_of(once_seen(), options), "");
  auto rows = once_seen();
  for (Observation& row : rows) {
    if (row.row % 2 == 0) row.extra["unique_tokens"] = row.tokens / 8;
  }
  EXPECT_THAT(undetermined_parameters(law_form("muennighoff"), rows, {}), IsEmpty());
  EXPECT_EQ(code_of(rows, quick("muennighoff")), "");
}

TEST(Undetermined, OneSizeTellsNoLawHowTheLossFallsWithSize) {
  EXPECT_EQ(code_of(of_one_size(), quick("kaplan")), "undetermined");
  EXPECT_EQ(code_of(of_one_size(), quick("gadre")), "undetermined");
  EXPECT_THAT(undetermined_parameters(law_form("kaplan"), of_one_size(), {}),
              ::testing::Contains("alpha_N"));
  EXPECT_THAT(undetermined_parameters(law_form("chinchilla"), of_one_size(), {}),
              ElementsAre("E", "A", "alpha"));
  try {
    fit_law(of_one_size(), "runs.csv", quick("kaplan"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("alpha_N"));
    EXPECT_THAT(error.what(), HasSubstr("every row has the same params"));
  }
}

TEST(Undetermined, NothingIsWhereSizesAndTokensVary) {
  const auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  for (const char* law : {"chinchilla", "kaplan", "gadre", "farseer", "power"}) {
    EXPECT_THAT(undetermined_parameters(law_form(law), rows, {}), IsEmpty()) << law;
  }
}

TEST(Undetermined, WhatIsFixedOrHasAPriorIsKnown) {
  const FormFitOptions fixed{
      .constraints = {{.name = "E", .fixed = 1.7}, {.name = "alpha", .fixed = 0.34}}};
  EXPECT_THAT(undetermined_parameters(law_form("chinchilla"), of_one_size(), fixed), IsEmpty());
  const FormFitOptions prior{
      .constraints = {{.name = "E", .prior_mean = 1.7, .prior_sd = 0.1},
                      {.name = "alpha", .prior_mean = 0.34, .prior_sd = 0.02}}};
  EXPECT_THAT(undetermined_parameters(law_form("chinchilla"), of_one_size(), prior), IsEmpty());
}

TEST(RowsOfAnyLaw, AreHeldToFiniteValuesAndOneUnit) {
  const auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  for (const char* law : {"kaplan", "gadre", "power", "farseer"}) {
    auto endless = rows;
    endless[5].flops = std::numeric_limits<double>::infinity();
    EXPECT_THAT(code_of(endless, quick(law)), HasSubstr("flops")) << law;
    auto negative = rows;
    negative[3].tokens = -negative[3].tokens;
    EXPECT_THAT(code_of(negative, quick(law)), HasSubstr("tokens")) << law;
    auto mixed = rows;
    for (std::size_t i = 0; i < 6; ++i) mixed[i].params /= 1e6;
    EXPECT_THAT(code_of(mixed, quick(law)), HasSubstr("units")) << law;
  }
}

TEST(RowsOfAnyLaw, LossesBeyondTheirSquaresStillHaveAnRSquared) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.002, 3);
  const FitOptions options = quick("kaplan");
  const double usual = *fit_law(rows, "runs.csv", options).r_squared;
  EXPECT_GT(usual, 0.9);
  const std::vector<double> values = fit_law(rows, "runs.csv", options).form->values;
  for (Observation& row : rows) row.loss *= 1e200;
  const FormObjective huge = objective_of(law_form("kaplan"), values, rows);
  EXPECT_TRUE(std::isfinite(huge.r_squared));
}

// Oracle: the condition in long doubles, whose powers reach 1e4932.
TEST(Conventions, SteepExponentsHaveSlopesToo) {
  const LawParameters law{.E = 1.7, .A = 1e270, .B = 400, .alpha = 38, .beta = 0.3};
  const auto log_budget = [&](long double n) {
    const long double total = n + 47491 * std::cbrt(n);
    const long double share = (n + 47491.0L / 3 * std::cbrt(n)) / total;
    const long double gain = 38 * 1e270L * std::pow(total, -38.0L) * share;
    return std::log(6 * n) + std::log(0.3L * 400 / gain) / 0.3L;
  };
  long double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  std::vector<long double> x, y;
  for (int i = 90; i < 100; ++i) {
    const long double n = std::pow(10.0L, 2 + 9.0L * i / 99);
    x.push_back(log_budget(n));
    y.push_back(std::log(n));
    mean_x += x.back() / 10;
    mean_y += y.back() / 10;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const NonembeddingSlope slope = nonembedding_slope(law);
  EXPECT_NEAR(slope.large, static_cast<double>(xy / xx), 1e-9);
  for (const double value : {slope.simulated, slope.exact, slope.loss_exponent}) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace isoflop
