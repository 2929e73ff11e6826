#include "plan/loss_surface.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "law/loss_law.h"
#include "law/presets.h"

namespace isoflop {
namespace {

std::string code_of(const LawFit& fit, const SurfaceSettings& settings) {
  try {
    surface_of(fit, settings);
  } catch (const Error& error) {
    return error.code().empty() ? error.what() : error.code();
  }
  return "";
}

LawFit fit_of(FormParameters form) {
  LawFit fit;
  fit.law = form.form;
  fit.form = std::move(form);
  return fit;
}

TEST(EffectiveTokens, AreTheTokensThemselvesInTheFirstPass) {
  EXPECT_EQ(effective_tokens(5e9, 1e10, kRepeatDecay), 5e9);
  EXPECT_EQ(effective_tokens(1e10, 1e10, kRepeatDecay), 1e10);
}

// Muennighoff et al. 2023: up to 4 passes are nearly as good as new, and R_D* = 15 passes are worth
// 1 - 1/e of what as many new ones would be; in the end 1 + R_D* times the unique tokens.
TEST(EffectiveTokens, LoseTheirWorthAsPublished) {
  EXPECT_NEAR(effective_tokens(4e10, 1e10, kRepeatDecay) / 4e10, 0.93, 0.01);
  const double after = effective_tokens((1 + kRepeatDecay) * 1e10, 1e10, kRepeatDecay);
  EXPECT_NEAR((after - 1e10) / (kRepeatDecay * 1e10), 1 - std::exp(-1), 1e-12);
  EXPECT_NEAR(effective_tokens(1e15, 1e10, kRepeatDecay) / 1e10, 1 + kRepeatDecay, 1e-9);
  // One step behind the first pass the slope is still 1.
  EXPECT_NEAR((effective_tokens(1e10 + 1e4, 1e10, kRepeatDecay) - 1e10) / 1e4, 1, 1e-5);
}

TEST(LossSurface, OfAPresetIsTheLaw) {
  for (const LawFit& fit : preset_laws()) {
    if (fit.form) continue;
    const LossSurface surface = surface_of(fit);
    EXPECT_NEAR(surface(7e10, 1.4e12), predict_loss(fit.parameters, 7e10, 1.4e12), 1e-14);
    EXPECT_EQ(surface.floor(), fit.parameters.E);
    EXPECT_NE(surface.chinchilla(), nullptr);
    EXPECT_EQ(surface.infimum(), fit.parameters.E);
  }
}

TEST(LossSurface, AFormNamedChinchillaKeepsItsClosedForm) {
  const LawParameters p = preset_law("epoch2024").parameters;
  const LossSurface surface = surface_of(fit_of({.form = "chinchilla",
                                                 .names = {"E", "A", "B", "alpha", "beta"},
                                                 .values = {p.E, p.A, p.B, p.alpha, p.beta},
                                                 .draws = {}}));
  ASSERT_NE(surface.chinchilla(), nullptr);
  EXPECT_EQ(*surface.chinchilla(), p);
}

// The law's own repetition, at a published point: N' and D' by hand.
TEST(LossSurface, MuennighoffsFormIsTakenAsItIs) {
  const double E = 1.87, A = 521, B = 1488, alpha = 0.353, rd = 15.39, rn = 5.31;
  const LossSurface surface = surface_of(fit_of({.form = "muennighoff",
                                                 .names = {},
                                                 .values = {E, A, B, alpha, alpha, rd, rn},
                                                 .draws = {}}),
                                         {.unique_tokens = 1e10});
  const double n = 1e8, d = 5e10;  // N below N_opt(U): no excess parameters
  const double d_effective = 1e10 * (1 + rd * (1 - std::exp(-4 / rd)));
  EXPECT_NEAR(surface(n, d), E + A * std::pow(n, -alpha) + B * std::pow(d_effective, -alpha),
              1e-12);
  EXPECT_EQ(surface.chinchilla(), nullptr);
}

TEST(LossSurface, ALawWithoutTokensIsRefused) {
  const LawFit clark = fit_of({.form = "clark",
                               .names = {},
                               .values = {-0.082, -0.108, 0.009, 1.104, 1.847, 314.478},
                               .draws = {}});
  EXPECT_EQ(code_of(clark, {.experts = 8}), "no_trade_off");
  const LawFit power =
      fit_of({.form = "power", .names = {}, .values = {1.7, 100, 0.1}, .draws = {}});
  EXPECT_EQ(code_of(power, {}), "no_trade_off");
}

TEST(LossSurface, ASparseLawAsksForItsExperts) {
  const LawFit joint = fit_of(
      {.form = "ludziejewski",
       .names = {},
       .values = {1.3637, 35.91, 35.98, -0.1889, -0.2285, 0.0098, -0.1775, 0.5529, -0.0259, 1, 1e6},
       .draws = {}});
  EXPECT_NE(code_of(joint, {}).find("--experts"), std::string::npos);
  EXPECT_EQ(code_of(joint, {.experts = 8}), "");
  // More experts of the same active size are better.
  EXPECT_LT(surface_of(joint, {.experts = 8})(1e9, 1e11),
            surface_of(joint, {.experts = 2})(1e9, 1e11));
}

TEST(LossSurface, AbnarsLawCountsAllParameters) {
  const LawFit abnar = fit_of(
      {.form = "abnar",
       .names = {},
       .values = {0.94, 16612.5, 5455.67, 0.4598, 17.26, 0.5962, 0.3954, -0.1666, 0.1603, 0.1595},
       .draws = {}});
  EXPECT_NE(code_of(abnar, {}).find("--sparsity"), std::string::npos);
  const double loss = surface_of(abnar, {.sparsity = 0.75})(1e9, 1e11);
  // One of 4 experts a token, two thirds of a block each.
  const double total = 3e9, dense = 0.25;
  EXPECT_NEAR(loss,
              0.94 + 16612.5 * std::pow(total, -0.5962) + 5455.67 * std::pow(1e11, -0.3954) +
                  0.4598 * std::pow(dense, 0.1666) +
                  17.26 * std::pow(dense, -0.1603) * std::pow(total, -0.1595),
              1e-12);
}

TEST(LossSurface, SettingsThatAreNoneAreErrors) {
  const LawFit& fit = preset_law("epoch2024");
  EXPECT_NE(code_of(fit, {.unique_tokens = -1}), "");
  EXPECT_NE(code_of(fit, {.repeat_decay = 0}), "");
  EXPECT_NE(code_of(fit, {.sparsity = 1}), "");
  for (const double none : {std::nan(""), 0.3, -2.0, 1e300}) {
    EXPECT_NE(code_of(fit, {.experts = none}), "") << none;
  }
  EXPECT_NE(code_of(fit, {.granularity = 0}), "");
  EXPECT_NE(code_of(fit, {.granularity = 4}).find("knows nothing"), std::string::npos);
  const LawFit& joint = preset_law("ludziejewski2025");
  EXPECT_NE(code_of(joint, {.experts = 8, .granularity = 4}).find("knows nothing"),
            std::string::npos);
  EXPECT_EQ(code_of(joint, {.experts = 8, .granularity = 1}), "");
  EXPECT_EQ(code_of(preset_law("krajewski2024"), {.experts = 64, .granularity = 4}), "");
}

TEST(TotalParams, OfDenseAndSparseModels) {
  EXPECT_EQ(total_params(1e9, {}), 1e9);
  EXPECT_NEAR(total_params(1e9, {.experts = 8}), 1e9 * (1 + 14.0 / 3), 1);
  EXPECT_NEAR(total_params(1e9, {.sparsity = 0.75}), 3e9, 1e-3) << "one of 4 experts";
  EXPECT_NEAR(sparse_shape({.experts = 64}).sparsity, 63.0 / 64, 1e-15);
}

// Runs of half-width experts, two a token: with n outside the experts and e an expert, all are
// n + E e and active ones n + 2 e, a line in E that is 1 at 2.
TEST(SparseShape, IsThatOfTheFittedRuns) {
  const double n = 4, e = 3;
  const auto ratio = [&](double experts) { return (n + experts * e) / (n + 2 * e); };
  const std::vector<ExpertsWeight> runs{{2, 1, 2}, {4, ratio(4), 2}, {16, ratio(16), 2}};
  for (const double experts : {3.0, 4.0, 8.0, 16.0, 40.0}) {
    const SparseShape shape = sparse_shape({.experts = experts, .weights = runs});
    EXPECT_NEAR(shape.total_ratio, ratio(experts), 1e-12) << experts;
    EXPECT_NEAR(shape.sparsity, 1 - 2 / experts, 1e-12) << experts;
    const SparseShape by_share = sparse_shape({.sparsity = 1 - 2 / experts, .weights = runs});
    EXPECT_NEAR(by_share.total_ratio, ratio(experts), 1e-12) << experts;
  }
  for (const double experts : {1.0, 2.0}) {
    const SparseShape shape = sparse_shape({.experts = experts, .weights = runs});
    EXPECT_EQ(shape.total_ratio, 1) << experts;
    EXPECT_EQ(shape.sparsity, 0) << experts;
  }
  // From one number of experts too: the line begins where all of them are active.
  const std::vector<ExpertsWeight> one{{16, ratio(16), 2}};
  EXPECT_NEAR(sparse_shape({.experts = 8, .weights = one}).total_ratio, ratio(8), 1e-12);
  EXPECT_THROW(sparse_shape({.experts = 8, .weights = {{8, 3, 1}, {8, 2, 2}}}), Error);
}

}  // namespace
}  // namespace isoflop
