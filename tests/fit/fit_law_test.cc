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

TEST(Presets, EachPlansAsPublished) {
  const struct {
    const char* law;
    double optimum, tolerance;  // N* at Gopher's budget; the tolerance is the printed digits
  } table[] = {{"hoffmann2022", 40.4e9, 0.05e9},     {"hoffmann2022-rounded", 32.2e9, 0.05e9},
               {"epoch2024", 72.2e9, 0.05e9},        {"epoch2024-unrounded", 72.4e9, 0.05e9},
               {"chinchilla-huber", 73.2e9, 0.05e9}, {"muennighoff2023-c4", 69.96e9, 0.005e9}};
  EXPECT_EQ(preset_laws().size(), std::size(table));
  for (const auto& row : table) {
    const LawFit& law = preset_law(row.law);
    EXPECT_NEAR(true_optimum(5.76e23, law.parameters), row.optimum, row.tolerance) << row.law;
    EXPECT_TRUE(law.draws.empty());
    EXPECT_FALSE(law.citation.empty());
  }
}

TEST(Presets, AnUnknownNameListsTheKnown) {
  try {
    preset_law("hofmann2022");
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("hoffmann2022"), std::string::npos);
  }
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
