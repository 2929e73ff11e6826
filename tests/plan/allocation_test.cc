#include "plan/allocation.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "law/loss_law.h"
#include "law/presets.h"
#include "plan/near_optimal.h"

namespace isoflop {
namespace {

constexpr double kGopherBudget = 5.76e23;

// The constants that reproduce Hoffmann et al.'s Table A3.
const LawParameters kTableA3 = {.E = 1.69, .A = 406.4, .B = 410.7, .alpha = 0.336, .beta = 0.283};

LossSurface epoch_surface(const SurfaceSettings& settings = {}) {
  return surface_of(preset_law("epoch2024"), settings);
}

FormParameters muennighoff() {
  return {.form = "muennighoff",
          .names = {"E", "A", "B", "alpha", "beta", "R_D", "R_N"},
          .values = {std::exp(0.6254804), std::exp(6.255414), std::exp(7.3049974), 0.3526596,
                     0.3526596, 15.387756, 5.309743},
          .draws = {}};
}

FormParameters kaplan() {
  return {.form = "kaplan",
          .names = {"Nc", "Dc", "alpha_N", "alpha_D"},
          .values = {6.4e13, 1.8e13, 0.076, 0.103},
          .draws = {}};
}

LossSurface of_form(const FormParameters& form, const SurfaceSettings& settings = {}) {
  return {form, form.values, FlopsPerToken::six_n(), settings};
}

FlopsPerToken dear_small_sizes() {
  std::vector<std::pair<double, double>> nodes;
  for (double n = 1e4; n < 1e13; n *= 3) nodes.emplace_back(n, 6 * n * (1 + 30 / std::pow(n, 0.3)));
  return FlopsPerToken::from_nodes("test", nodes);
}

// The oracle: the lowest loss on a fine grid of ln N.
double finest_params(const LossSurface& surface, const Spend& spend, double budget) {
  double best = 0, lowest = INFINITY;
  for (double x = 0; x < std::log(budget); x += 1e-4) {
    const double n = std::exp(x);
    const double tokens = spend.tokens(budget, n);
    if (n < spend.params_low || n > spend.params_high || !(tokens > 0)) continue;
    const double loss = surface.excess(n, tokens);
    if (loss < lowest) lowest = loss, best = n;
  }
  return best;
}

struct Case {
  const char* name;
  LossSurface surface;
  Spend spend;
  double budget;
};

std::vector<Case> all_cases() {
  const Spend plain;
  const Spend lifetime{.extra_tokens = 3e11};
  const Spend shaped{.flops = dear_small_sizes(), .extra_tokens = 1e9};
  return {{"unique", epoch_surface({.unique_tokens = 1e11}), plain, kGopherBudget},
          {"unique, far beyond", epoch_surface({.unique_tokens = 1e9}), plain, 1e24},
          {"inference", epoch_surface(), lifetime, kGopherBudget},
          {"nodes and fine-tuning", epoch_surface(), shaped, 1e21},
          {"muennighoff", of_form(muennighoff(), {.unique_tokens = 1e11}), plain, kGopherBudget},
          {"muennighoff, all new", of_form(muennighoff()), plain, 1e22},
          {"kaplan", of_form(kaplan()), plain, 1e21},
          {"kaplan, lifetime", of_form(kaplan(), {.unique_tokens = 1e10}), lifetime, 1e22}};
}

TEST(Allocation, IsTheBestOfAFineGridForEveryLawAndConstraint) {
  for (const Case& c : all_cases()) {
    const Optimum best = best_allocation(c.surface, c.spend, c.budget);
    const double grid = finest_params(c.surface, c.spend, c.budget);
    EXPECT_EQ(best.place, OptimumPlace::kInterior) << c.name;
    // The grid's own step is 1e-4.
    EXPECT_NEAR(std::log(best.params / grid), 0, 2e-4) << c.name;
    EXPECT_LE(c.surface.excess(best.params, best.tokens),
              c.surface.excess(grid, c.spend.tokens(c.budget, grid)) * (1 + 1e-14))
        << c.name;
    EXPECT_NEAR(c.spend.flops(best.params) * (best.tokens + c.spend.extra_tokens) / c.budget, 1,
                1e-12)
        << c.name;
  }
}

TEST(Allocation, TheSearchFindsTheClosedForm) {
  // A thousandth of a token of fine-tuning switches the closed form off.
  for (const char* name : {"epoch2024", "hoffmann2022"}) {
    for (const double budget : {1e14, 1e19, kGopherBudget, 1e28}) {
      const LossSurface surface = surface_of(preset_law(name));
      const Optimum closed = best_allocation(surface, {}, budget);
      const Optimum searched = best_allocation(surface, {.extra_tokens = 1e-3}, budget);
      // A valley's floor is flat: 1e-16 of the loss is 1e-7 or so of ln N.
      EXPECT_NEAR(std::log(searched.params / closed.params), 0, 1e-6) << name << budget;
    }
  }
}

TEST(Allocation, ACapHoldsTheSizeAndTheRestGoesIntoTokens) {
  const LossSurface surface = epoch_surface();
  const Optimum capped = best_allocation(surface, {.params_high = 7e9}, kGopherBudget);
  EXPECT_EQ(capped.place, OptimumPlace::kCapped);
  EXPECT_EQ(capped.params, 7e9);
  EXPECT_NEAR(capped.tokens / (kGopherBudget / 42e9), 1, 1e-12);
  const Optimum loose = best_allocation(surface, {.params_high = 1e12}, kGopherBudget);
  EXPECT_EQ(loose.place, OptimumPlace::kInterior);
  EXPECT_EQ(loose.params, best_allocation(surface, {}, kGopherBudget).params);
}

TEST(Allocation, ABudgetThatPaysForNoTokenIsRefused) {
  try {
    best_allocation(epoch_surface(), {.extra_tokens = 1e30}, 1e20);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "budget_too_small");
  }
  EXPECT_THROW(best_allocation(epoch_surface(), {}, -1), Error);
  EXPECT_THROW(best_allocation(epoch_surface(), {}, INFINITY), Error);
}

// Muennighoff's law without repetition is its base law: 69.96 billion at Gopher's budget.
TEST(Allocation, MuennighoffWithNewTokensOnlyIsItsBaseLaw) {
  const Optimum best = best_allocation(of_form(muennighoff()), {}, kGopherBudget);
  const Optimum base =
      best_allocation(surface_of(preset_law("muennighoff2023-c4")), {}, kGopherBudget);
  // The kink of N' at N_opt lies at the optimum itself.
  EXPECT_NEAR(best.params / base.params, 1, 1e-4);
  EXPECT_NEAR(best.loss, base.loss, 1e-9);
}

TEST(Allocation, RepeatedTokensMoveTheOptimumToLargerModelsUnderADecayOfTokensOnly) {
  const Optimum free = best_allocation(epoch_surface(), {}, kGopherBudget);
  const Optimum capped = best_allocation(epoch_surface({.unique_tokens = 1e11}), {}, kGopherBudget);
  EXPECT_GT(capped.loss, free.loss);
  EXPECT_GT(capped.params, free.params);
  const Optimum enough = best_allocation(epoch_surface({.unique_tokens = 1e13}), {}, kGopherBudget);
  EXPECT_NEAR(enough.params / free.params, 1, 1e-6);
}

TEST(CheapestForLoss, IsTheInverseOfTheBestLoss) {
  for (const Case& c : all_cases()) {
    const double loss = best_allocation(c.surface, c.spend, c.budget).loss;
    const auto flops = cheapest_for_loss(c.surface, c.spend, loss);
    ASSERT_TRUE(flops.has_value()) << c.name;
    // The loss's 1e-16 come back as up to 1e-10 of C where the loss hardly falls any more.
    EXPECT_NEAR(std::log(*flops / c.budget), 0, 1e-6) << c.name;
  }
}

TEST(CheapestForLoss, ChinchillasClosedForm) {
  const LawParameters& p = preset_law("epoch2024").parameters;
  const LossSurface surface = epoch_surface();
  for (const double budget : {1e15, 1e20, 1e26}) {
    const double loss = best_allocation(surface, {}, budget).loss;
    const auto flops = cheapest_for_loss(surface, {}, loss);
    EXPECT_NEAR(std::log(*flops / budget), 0, 1e-9);
    // L* - E ~ C^(-alpha beta / (alpha + beta)).
    const double slope = p.alpha * p.beta / (p.alpha + p.beta);
    const auto twice = cheapest_for_loss(surface, {}, p.E + (loss - p.E) / 2);
    EXPECT_NEAR(std::log(*twice / *flops), std::log(2.0) / slope, 1e-9);
  }
}

TEST(CheapestForLoss, AtOrBelowTheFloorThereIsNone) {
  const LossSurface surface = epoch_surface();
  EXPECT_FALSE(cheapest_for_loss(surface, {}, surface.floor()));
  EXPECT_FALSE(cheapest_for_loss(surface, {}, 1));
  // With a million unique tokens no repetition gets to 2.
  const LossSurface scarce = epoch_surface({.unique_tokens = 1e6});
  EXPECT_FALSE(cheapest_for_loss(scarce, {}, 2));
  EXPECT_GT(scarce.infimum(), 2);
}

// Sardana et al. 2023: the quality of the 7B model of Table A3 (276B tokens), 1e11 tokens of
// inference: 6B parameters, 1.18 times the tokens.
TEST(CheapestForLoss, SardanasSevenBillionModelServedFor1e11TokensBecomesASixBillionOne) {
  const LossSurface surface(kTableA3, {});
  const double size = 7e9;
  // The budget at which 7B is optimal, from the first-order condition of 6 N D = C.
  const double tokens = std::pow(
      kTableA3.beta * kTableA3.B / (kTableA3.alpha * kTableA3.A * std::pow(size, -kTableA3.alpha)),
      1 / kTableA3.beta);
  EXPECT_NEAR(tokens, 276e9, 2e9);
  const double loss = surface(size, tokens);
  const Spend lifetime{.extra_tokens = 1e11 / 3};
  const double budget = *cheapest_for_loss(surface, lifetime, loss);
  const Optimum best = best_allocation(surface, lifetime, budget);
  EXPECT_NEAR(best.params, 6.00e9, 0.005e9);
  EXPECT_NEAR(best.tokens / tokens, 1.176, 0.0005);
  EXPECT_NEAR(best.loss, loss, 1e-12);
  // Sardana's first-order condition.
  const double left = kTableA3.alpha * kTableA3.A * std::pow(best.params, -kTableA3.alpha) /
                      (kTableA3.beta * kTableA3.B * std::pow(best.tokens, -kTableA3.beta));
  EXPECT_NEAR(left, 1 + 1e11 / (3 * best.tokens), 1e-5);
  // And it costs less over its life than the 7B model.
  EXPECT_LT(budget, 6 * size * tokens + 2 * size * 1e11);
}

TEST(CheapestForLoss, IsTheBestOfAFineGridOverSizes) {
  for (const double served : {1e10, 1e12, 1e14}) {
    const LossSurface surface = epoch_surface();
    const Spend spend{.extra_tokens = served / 3};
    double cheapest = INFINITY;
    for (double x = std::log(1e8); x < std::log(1e13); x += 1e-4) {
      const auto tokens = tokens_for_loss(surface, std::exp(x), 2.1);
      if (tokens) cheapest = std::min(cheapest, 6 * std::exp(x) * (*tokens + served / 3));
    }
    // Half a step of the grid off the valley's floor is 1e-9 of its height.
    EXPECT_NEAR(*cheapest_for_loss(surface, spend, 2.1) / cheapest, 1, 1e-8);
  }
}

TEST(TokensForLoss, InvertTheSurface) {
  SplitMix64 random(7);
  for (const Case& c : all_cases()) {
    for (int k = 0; k < 20; ++k) {
      const double params = std::exp(std::log(1e7) + 9 * random.uniform());
      const double tokens = std::exp(std::log(1e8) + 6 * random.uniform());
      const double loss = c.surface(params, tokens);
      EXPECT_NEAR(c.surface(params, *tokens_for_loss(c.surface, params, loss)), loss, 1e-12);
      EXPECT_NEAR(c.surface(*params_for_loss(c.surface, tokens, loss), tokens), loss, 1e-12);
    }
  }
}

TEST(TokensForLoss, ASizeHasAFloorOfItsOwn) {
  const LossSurface surface = epoch_surface();
  const LawParameters& p = preset_law("epoch2024").parameters;
  const double floor = p.E + p.A * std::pow(1e8, -p.alpha);
  EXPECT_FALSE(tokens_for_loss(surface, 1e8, floor));
  EXPECT_TRUE(tokens_for_loss(surface, 1e8, floor + 1e-3));
  EXPECT_FALSE(params_for_loss(surface, 1e8, p.E + p.B * std::pow(1e8, -p.beta) - 1e-9));
}

TEST(SizeForTokens, SpendsTheWholeBudget) {
  for (const FlopsPerToken& f : {FlopsPerToken::six_n(), dear_small_sizes()}) {
    const Spend spend{.flops = f, .extra_tokens = 1e10};
    const double params = size_for_tokens(spend, 1e21, 2e11);
    EXPECT_NEAR(f(params) * 2.1e11 / 1e21, 1, 1e-12);
  }
  EXPECT_THROW(size_for_tokens({}, 1e12, 1e13), Error);
}

TEST(PriceOfSize, EqualsTheComputeOfTheBestModelOfThatLoss) {
  const LossSurface surface = epoch_surface();
  const Optimum best = best_allocation(surface, {}, kGopherBudget);
  const auto prices = price_of_size(surface, {}, kGopherBudget);
  ASSERT_EQ(prices.size(), 4u);
  for (const SizePrice& price : prices) {
    EXPECT_NEAR(price.params / best.params, price.factor, 1e-12);
    EXPECT_NEAR(price.loss - best.loss, price.loss_difference, 1e-12);
    const Optimum same = best_allocation(surface, {}, kGopherBudget / (1 + price.extra_compute));
    EXPECT_NEAR(same.loss, price.loss, 1e-9);
    EXPECT_GT(price.extra_compute, 0.05);
  }
  // Farther away is dearer.
  EXPECT_GT(prices[0].extra_compute, prices[1].extra_compute);
  EXPECT_GT(prices[3].extra_compute, prices[2].extra_compute);
}

TEST(NearOptimal, HoldsOnAnySurface) {
  for (const Case& c : all_cases()) {
    const NearOptimal band = near_optimal(c.surface, c.spend, c.budget, 0.05);
    const Optimum best = best_allocation(c.surface, c.spend, c.budget);
    const double enough = best_allocation(c.surface, c.spend, c.budget / 1.05).loss;
    EXPECT_LT(band.params_low, best.params) << c.name;
    EXPECT_GT(band.params_high, best.params) << c.name;
    for (const double edge : {band.params_low, band.params_high}) {
      EXPECT_NEAR(loss_of_size(c.surface, c.spend, c.budget, edge), enough, 1e-9) << c.name;
    }
  }
}

}  // namespace
}  // namespace isoflop
