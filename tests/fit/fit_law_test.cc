#include "fit/fit_law.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/interval.h"
#include "fit/backtest.h"
#include "law/presets.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

TEST(Backtest, AnExactLawPredictsTheHiddenBudgetExactly) {
  const auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 5, 0, 0);
  const auto result = backtest(rows);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->budget, 1e20);
  EXPECT_EQ(result->fitted, 15);
  EXPECT_EQ(result->hidden, 5);
  EXPECT_NEAR(result->mean_error, 0, 1e-7);
  EXPECT_NEAR(result->max_error, 0, 1e-7);
  ASSERT_TRUE(result->best_error.has_value());
}

TEST(Backtest, AHiddenBudgetThatIsWorseThanTheLawGivesANegativeError) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 5, 0, 0);
  for (Observation& row : rows) {
    if (row.flops == 1e20) row.loss *= 1.02;
  }
  const auto result = backtest(rows);
  ASSERT_TRUE(result.has_value());
  EXPECT_NEAR(result->mean_error, 1 / 1.02 - 1, 1e-6);
  EXPECT_NEAR(*result->best_error, 1 / 1.02 - 1, 1e-6);
}

TEST(Backtest, WithoutBudgetsTheTopFifthIsHidden) {
  SplitMix64 random(1);
  std::vector<Observation> rows;
  for (int i = 0; i < 30; ++i) {
    Observation o;
    o.params = std::exp(std::log(1e6) + 7 * random.uniform());
    o.tokens = std::exp(std::log(1e8) + 5 * random.uniform());
    o.flops = 6 * o.params * o.tokens;
    o.loss = predict_loss(kTruth, o.params, o.tokens);
    rows.push_back(o);
  }
  const auto result = backtest(rows);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->hidden, 6);
  EXPECT_EQ(result->fitted, 24);
}

TEST(Backtest, TooLittleLeftIsNoBacktest) {
  EXPECT_FALSE(backtest(isoflop_grid({1e17, 1e18}, 3, 0, 0)).has_value());
  EXPECT_FALSE(backtest({}).has_value());
}

TEST(FitLaw, EverythingIsFilled) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 6, 0.002, 8);
  const LawFit fit = fit_law(rows, "runs.csv", {.draws = 50});
  EXPECT_EQ(fit.law, "chinchilla");
  EXPECT_EQ(fit.source, "runs.csv");
  EXPECT_EQ(fit.observations, 24);
  EXPECT_EQ(fit.draws.size(), 50u);
  EXPECT_FALSE(fit.interval_method.empty());
  EXPECT_EQ(fit.data_sha256.size(), 64u);
  EXPECT_GT(fit.objective, 0);
  EXPECT_NEAR(fit.residual_rms, 0.002, 0.001);
  EXPECT_GT(fit.starts_agreeing, 0);
  EXPECT_EQ(fit.flops_low, 1e17);
  EXPECT_EQ(fit.flops_high, 3e18);
  EXPECT_LT(fit.params_low, fit.params_high);
  EXPECT_NEAR(fit.tokens_per_param_high, rows[0].tokens / rows[0].params, 100);
  ASSERT_TRUE(fit.isoflop.has_value());
  EXPECT_EQ(fit.isoflop->profiles.size(), 4u);
  ASSERT_TRUE(fit.backtest.has_value());
  EXPECT_EQ(fit.backtest->hidden, 6);
  const Interval a = exponent_a(fit);
  EXPECT_EQ(a.value, fit.a());
  EXPECT_LT(*a.low, *a.high);
  EXPECT_NEAR(*a.low + *exponent_b(fit).high, 1, 1e-12);
}

TEST(FitLaw, TheApproachesStandBesideEachOtherAndTheLawIsTheThirds) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 7, 0.002, 8);
  const LawFit fit = fit_law(rows, "x", {.draws = 50, .approach = 0, .at = 1e20});
  ASSERT_TRUE(fit.approaches.has_value());
  EXPECT_EQ(fit.approach, 3);
  EXPECT_EQ(fit.approaches->flops, 1e20);
  ASSERT_EQ(fit.approaches->answers.size(), 3u);
  const ApproachAnswer& law = fit.approaches->answers[2];
  EXPECT_NEAR(law.params.value / true_optimum(1e20, fit.parameters), 1, 1e-6);
  EXPECT_LT(*law.params.low, *law.params.high);
  EXPECT_FALSE(fit.approaches->answers[0].usable) << "there are no curves";
}

// Sizes 10 % apart: the noise asks for exponents in the hundreds.
TEST(FitLaw, ALawThatNoNumberCanHoldIsRefused) {
  std::vector<Observation> rows;
  const double losses[] = {2.9405, 3.0158, 3.0240, 3.0049, 3.0431, 2.9895, 3.0192, 3.0200, 3.0235};
  for (int i = 0; i < 9; ++i) {
    const double n = 1e5 * std::pow(1.1, i / 3), d = 1e6 * (1 << i % 3);
    rows.push_back({.params = n, .tokens = d, .flops = 6 * n * d, .loss = losses[i]});
  }
  try {
    fit_law(rows, "x", {.draws = 0});
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRefused);
    EXPECT_EQ(error.code(), "law_runs_away");
    EXPECT_NE(std::string(error.what()).find("N spans a factor of 1.21"), std::string::npos);
  }
}

TEST(FitLaw, AnApproachThatWasAskedForAloneAndHasNoAnswerIsRefused) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 7, 0.002, 8);
  try {
    fit_law(rows, "x", {.draws = 0, .approach = 1});
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRefused);
    EXPECT_EQ(error.code(), "no_curves");
  }
  const LawFit two = fit_law(rows, "x", {.draws = 0, .approach = 2});
  EXPECT_FALSE(two.has_law());
  EXPECT_TRUE(two.isoflop->usable);
}

TEST(FitLaw, ConstraintsHoldInTheLawAndInEveryDraw) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 6, 0.002, 8);
  const LawFit fit = fit_law(rows, "x",
                             {.constraints = {{.name = "E", .fixed = 1.7}},
                              .draws = 30,
                              .isoflop = false,
                              .backtest = false});
  EXPECT_EQ(fit.parameters.E, 1.7);
  ASSERT_EQ(fit.draws.size(), 30u);
  for (const LawParameters& draw : fit.draws) EXPECT_EQ(draw.E, 1.7);
  EXPECT_EQ(fit.constraints.size(), 1u);
  // The truth has E = 1.8172: held to another, the fit is worse.
  EXPECT_GT(fit.objective, fit_law(rows, "x", {.draws = 0}).objective);
}

TEST(FitLaw, AnotherFormBringsItsOwnNumbersAndDraws) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 6, 0.002, 8);
  const LawFit fit = fit_law(rows, "x", {.law = "kaplan", .draws = 20});
  ASSERT_TRUE(fit.form.has_value());
  EXPECT_EQ(fit.form->form, "kaplan");
  EXPECT_EQ(fit.form->draws.size(), 20u);
  EXPECT_FALSE(fit.citation.empty());
  EXPECT_THROW(fit_law(rows, "x", {.law = "kaplan", .bootstrap = BootstrapKind::kWild}), Error);
}

TEST(FitLaw, ForeignRowsAreNamedAndTheLawWithoutThemStandsBeside) {
  auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18, 1e19}, 9, 0.002, 8);
  for (const std::size_t k : {8u, 17u, 26u}) rows[k].loss *= 1.08;
  const LawFit fit = fit_law(rows, "x", {.draws = 50, .diagnostics = true});
  ASSERT_TRUE(fit.diagnostics.has_value());
  std::vector<std::int64_t> named;
  for (const auto& row : fit.diagnostics->influence->rows) named.push_back(row.row);
  for (const std::int64_t k : {8, 17, 26}) {
    EXPECT_NE(std::find(named.begin(), named.end(), k), named.end()) << k;
  }
  EXPECT_LE(named.size(), 6u);
}

TEST(FitLaw, SameRowsAndSeedGiveTheSameBits) {
  const auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 5, 0.002, 8);
  const LawFit one = fit_law(rows, "x", {.draws = 20, .seed = 4, .threads = 1});
  const LawFit two = fit_law(rows, "x", {.draws = 20, .seed = 4, .threads = 3});
  EXPECT_EQ(to_vector(one.parameters), to_vector(two.parameters));
  EXPECT_EQ(to_vector(one.draws[19]), to_vector(two.draws[19]));
  EXPECT_EQ(one.data_sha256, two.data_sha256);
}

TEST(FitLaw, ATableWithoutFlopsGetsThemFromTheConvention) {
  auto rows = isoflop_grid({1e17, 3e17, 1e18, 3e18}, 5, 0.001, 8);
  for (Observation& row : rows) {
    row.flops = 0;
    row.budget.reset();
  }
  const LawFit fit = fit_law(rows, "x", {.draws = 0});
  EXPECT_NEAR(fit.flops_high / 3e18, 1, 1e-12);
  EXPECT_TRUE(fit.draws.empty());
  EXPECT_TRUE(fit.interval_method.empty());
  EXPECT_EQ(fit.isoflop->profiles.size(), 4u);
}

TEST(FitLaw, TheHashChangesWithAnyNumber) {
  auto rows = isoflop_grid({1e17, 1e18}, 4, 0, 0);
  const std::string before = hash_of(rows);
  EXPECT_EQ(hash_of(rows), before);
  rows[3].loss = std::nextafter(rows[3].loss, 10);
  EXPECT_NE(hash_of(rows), before);
}

TEST(FitLaw, OptionsOutOfRangeAreErrors) {
  const auto rows = isoflop_grid({1e17, 1e18, 1e19}, 4, 0, 0);
  EXPECT_THROW(fit_law(rows, "x", {.level = 1.5}), Error);
  EXPECT_THROW(fit_law(rows, "x", {.draws = -1}), Error);
}

}  // namespace
}  // namespace isoflop
