#include "fit/diagnose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fit/check_observations.h"
#include "fit/conventions.h"
#include "fit/identifiability.h"
#include "fit/model_choice.h"
#include "fit/residuals.h"
#include "law/optimum.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::vector<double> kBudgets = {1e18, 3e18, 1e19, 1e20, 1e21};

std::vector<std::string> codes_of(const std::vector<Warning>& warnings) {
  std::vector<std::string> codes;
  for (const Warning& warning : warnings) codes.push_back(warning.code);
  return codes;
}

Diagnostics diagnosed(const std::vector<Observation>& rows, const DiagnoseOptions& options = {}) {
  return diagnose(rows, fit_parametric(rows), options);
}

TEST(Diagnose, HasNothingToSayAgainstAGoodGrid) {
  const Diagnostics found = diagnosed(isoflop_grid(kBudgets, 9, 0.002, 1));
  EXPECT_THAT(codes_of(found.warnings), IsEmpty());
  EXPECT_TRUE(found.influence && found.residuals && found.identifiability && found.conventions &&
              found.model_choice);
  EXPECT_NEAR(found.identifiability->extrapolation, 100, 1e-9);
  EXPECT_EQ(found.identifiability->budgets, 5);
  EXPECT_EQ(found.identifiability->sizes, 45);
}

// The published digits: Pearce and Song 2024, with Besiroglu's and with Hoffmann's coefficients.
TEST(Conventions, LeavingOutEmbeddingsGivesKaplansExponentAsPearceAndSongPrinted) {
  const NonembeddingSlope epoch = nonembedding_slope(kTruth);
  EXPECT_NEAR(epoch.simulated, 0.7805, 5e-5);
  EXPECT_NEAR(epoch.large, 0.5147, 5e-5);
  EXPECT_NEAR(epoch.loss_exponent, -0.0690, 5e-5);
  EXPECT_NEAR(epoch.asymptotic, 0.51261, 5e-6);
  EXPECT_NEAR(epoch.exact, epoch.simulated, 0.01) << "their grids move the third digit";
  const NonembeddingSlope hoffmann =
      nonembedding_slope({.E = 1.6934, .A = 406.4, .B = 410.7, .alpha = 0.3392, .beta = 0.2849});
  EXPECT_NEAR(hoffmann.simulated, 0.7388, 5e-5);
  EXPECT_NEAR(hoffmann.large, 0.4586, 5e-5);
}

TEST(Conventions, CountsOfParametersGoThereAndBack) {
  for (const double params : {1.0, 768.0, 1e6, 1.5e9, 1e13}) {
    EXPECT_NEAR(nonembedding_params_of(total_params_of(params)) / params, 1, 1e-9);
  }
  EXPECT_NEAR(total_params_of(768) / 768, 567, 1);
}

TEST(Conventions, TheSameRunsGiveALargerExponentWithoutEmbeddings) {
  // Kaplan's range: 1e5 to 1e9 parameters in all.
  const auto rows = isoflop_grid({1e15, 1e16, 1e17, 1e18}, 9, 0, 1);
  const ConventionTable table = compare_conventions(rows, kTruth);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_NEAR(table.rows[0].a, kTruth.beta / (kTruth.alpha + kTruth.beta), 1e-9);
  EXPECT_NEAR(table.rows[0].a + table.rows[0].b, 1, 1e-9);
  EXPECT_FALSE(table.rows[1].usable);
  EXPECT_THAT(table.rows[1].why_not, HasSubstr("exact_flops"));
  ASSERT_TRUE(table.rows[2].usable) << table.rows[2].why_not;
  EXPECT_THAT(table.rows[2].how, HasSubstr("47491"));
  EXPECT_GT(table.rows[2].a, table.rows[0].a + 0.15);
}

TEST(Conventions, UsesTheColumnsWhereEveryRowHasThem) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19}, 9, 0, 1);
  for (Observation& row : rows) {
    row.extra["nonembedding_params"] = row.params / 2;
    row.extra["exact_flops"] = 8 * row.params * row.tokens;
  }
  const ConventionTable table = compare_conventions(rows, kTruth);
  const double a = kTruth.beta / (kTruth.alpha + kTruth.beta);
  for (const ConventionRow& row : table.rows) {
    ASSERT_TRUE(row.usable) << row.params << " " << row.flops << ": " << row.why_not;
    EXPECT_NEAR(row.a, a, 1e-4) << "the counts are proportional";
    EXPECT_EQ(row.how, "columns");
  }
  EXPECT_NEAR(table.rows[0].params_at, true_optimum(1e19), 1e3);
  EXPECT_NEAR(table.rows[1].params_at / true_optimum(1e19), 1, 1e-6) << "8 N D of a larger budget";
}

TEST(Residuals, NoiseHasNoTrendAndAWrongFormHasOne) {
  int false_alarms = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto rows = isoflop_grid(kBudgets, 9, 0.002, seed);
    false_alarms += !warnings_of(study_residuals(kTruth, rows)).empty();
  }
  EXPECT_LE(false_alarms, 5) << "1 % of 100 tables, a binomial's 99.9 % quantile";
  auto bent = isoflop_grid(kBudgets, 9, 0.002, 1);
  for (Observation& row : bent)
    row.loss *= std::exp(0.006 * std::pow(std::log10(row.flops) - 19.5, 2));
  const Residuals study = study_residuals(kTruth, bent);
  const auto warnings = warnings_of(study);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, "residual_trend");
  EXPECT_THAT(warnings[0].message, HasSubstr("ln C they bend up"));
}

TEST(Residuals, TheLargestAreNamedFirst) {
  auto rows = isoflop_grid(kBudgets, 9, 0.001, 2);
  rows[7].loss *= 1.05;
  rows[30].loss /= 1.1;
  const Residuals found = study_residuals(kTruth, rows);
  ASSERT_EQ(found.largest.size(), 5u);
  EXPECT_EQ(found.largest[0].row, 30);
  EXPECT_EQ(found.largest[1].row, 7);
  EXPECT_NEAR(found.largest[0].residual, -std::log(1.1), 0.005);
  EXPECT_NEAR(found.scale, 0.001, 0.0004) << "45 normal values: a robust scale to a third";
}

// Standard errors against the scatter of refits, the slow way.
TEST(Identifiability, StandardErrorsAreThoseOfRepeatedFits) {
  double mean = 0, square = 0;
  constexpr int kRepeats = 60;
  for (std::uint64_t seed = 1; seed <= kRepeats; ++seed) {
    const double alpha = fit_parametric(isoflop_grid(kBudgets, 9, 0.003, seed)).parameters.alpha;
    mean += alpha / kRepeats;
    square += alpha * alpha / kRepeats;
  }
  const double scatter = std::sqrt(square - mean * mean);
  const Identifiability found =
      study_identifiability(kTruth, isoflop_grid(kBudgets, 9, 0.003, 1), 1e23);
  ASSERT_EQ(found.standard_errors.size(), 5u);
  EXPECT_NEAR(found.standard_errors[3] / scatter, 1, 0.5)
      << "60 repeats know the scatter to 9 %, 45 rows their scale to 20 %";
  EXPECT_GT(found.correlation[1][3], 0.9) << "ln A and alpha trade off";
  EXPECT_GT(found.condition, 5 * found.condition_scaled) << "centring helps";
}

TEST(Identifiability, DegenerateDesignsAreNamed) {
  const auto warned = [](const std::vector<Observation>& rows, double budget = 1e22) {
    return codes_of(warnings_of(study_identifiability(kTruth, rows, budget), kTruth,
                                budget / 6 / std::pow(true_optimum(budget), 2)));
  };
  std::vector<Observation> ladder;
  for (int i = 0; i < 12; ++i) {
    Observation o{.params = 1e7 * std::pow(2, i)};
    o.tokens = 20 * o.params * (1 + 0.05 * (i % 3));
    o.flops = 6 * o.params * o.tokens;
    o.loss = predict_loss(kTruth, o.params, o.tokens);
    ladder.push_back(o);
  }
  EXPECT_THAT(warned(ladder), Contains("ladder"));
  EXPECT_THAT(warned(isoflop_grid({1e19, 3e19}, 9, 0.001, 1)), Contains("few_budgets"));
  EXPECT_THAT(warned(isoflop_grid({1e18, 3e18, 1e19}, 9, 0.001, 1, 1.35)),
              Contains("narrow_ratio"));
  EXPECT_THAT(warned(isoflop_grid(kBudgets, 9, 0.001, 1), 1e26), Contains("far_extrapolation"));
  EXPECT_THAT(warned(isoflop_grid(kBudgets, 9, 0.001, 1)), IsEmpty());
  LawParameters flat = kTruth;
  flat.beta = 0.01;
  const auto rows = isoflop_grid(kBudgets, 9, 0.001, 1);
  const auto at_bound = warnings_of(study_identifiability(flat, rows, 1e22), flat, 0);
  EXPECT_THAT(codes_of(at_bound), Contains("exponent_at_bound"));
}

TEST(ModelChoice, PrefersTheFormThatMadeTheLosses) {
  LawParameters steep = kTruth;
  steep.alpha = 0.25;
  steep.A = 80;
  steep.beta = 0.5;
  steep.B = 50000;
  const auto choice = choose_model(isoflop_grid(kBudgets, 9, 0.0005, 3, 4, steep));
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->forms.front().form, "chinchilla");
  EXPECT_TRUE(choice->clear);
  EXPECT_LT(choice->forms.front().hidden_rms, 0.002);
  EXPECT_GT(choice->forms.back().hidden_rms, 0.004);
  EXPECT_EQ(choice->hidden, 9);
  EXPECT_EQ(choice->fitted, 36);
}

TEST(ModelChoice, IsNotMadeWhenNothingIsLeftToFit) {
  EXPECT_FALSE(choose_model(isoflop_grid({1e18, 1e19}, 3, 0.001, 1)));
}

}  // namespace
}  // namespace isoflop
