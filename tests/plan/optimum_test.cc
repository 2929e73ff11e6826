#include "law/optimum.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "law/loss_law.h"
#include "law/presets.h"
#include "plan/near_optimal.h"

namespace isoflop {
namespace {

constexpr double kGopher = 5.76e23;

LawParameters law(const char* name) { return preset_law(name).parameters; }

// f(N) of a model family whose attention and head make small models dear per parameter.
FlopsPerToken dear_small_models() {
  std::vector<std::pair<double, double>> nodes;
  for (double n = 1e4; n < 1e12; n *= 3) nodes.emplace_back(n, 6 * n * (1 + 30 / std::pow(n, 0.3)));
  return FlopsPerToken::from_nodes("test", nodes);
}

// The oracle: the best of a fine grid in ln N.
double brute_force(const LawParameters& p, const FlopsPerToken& f, double flops) {
  double best_loss = INFINITY;
  double best = 0;
  for (double x = 0; x < std::log(flops); x += 1e-4) {
    const double n = std::exp(x);
    const double loss = p.A * std::pow(n, -p.alpha) + p.B * std::pow(flops / f(n), -p.beta);
    if (loss < best_loss) {
      best_loss = loss;
      best = n;
    }
  }
  return best;
}

TEST(Optimum, PublishedLawsGiveTheirPublishedSizes) {
  const struct {
    const char* name;
    double params, ratio;  // N* and D*/N* at Gopher's budget; tolerances are the printed digits
  } table[] = {{"hoffmann2022", 40.4e9, 58.9},
               {"hoffmann2022-rounded", 32.2e9, 92.6},
               {"epoch2024", 72.2e9, 18.4},
               {"chinchilla-huber", 73.2e9, 17.9},
               {"muennighoff2023-c4", 69.96e9, 19.6}};
  for (const auto& row : table) {
    const Optimum best = compute_optimum(law(row.name), FlopsPerToken::six_n(), kGopher);
    EXPECT_NEAR(best.params, row.params, 0.05e9) << row.name;
    EXPECT_NEAR(best.tokens / best.params, row.ratio, 0.06) << row.name;
    EXPECT_EQ(best.place, OptimumPlace::kInterior);
  }
}

TEST(Optimum, ClosedFormOfThePaper) {
  for (const LawFit& fit : preset_laws()) {
    if (fit.form) continue;
    const LawParameters& p = fit.parameters;
    const double g = std::pow(p.alpha * p.A / (p.beta * p.B), 1 / (p.alpha + p.beta));
    for (const double c : {1e15, 1e20, 5.76e23, 1e27}) {
      const Optimum best = compute_optimum(p, FlopsPerToken::six_n(), c);
      // Powers of e^50 amplify rounding of the exponent to some 1e-14.
      EXPECT_NEAR(best.params / (g * std::pow(c / 6, p.beta / (p.alpha + p.beta))), 1, 1e-12);
      EXPECT_NEAR(best.tokens * g / std::pow(c / 6, p.alpha / (p.alpha + p.beta)), 1, 1e-12);
      EXPECT_NEAR(best.loss, predict_loss(p, best.params, best.tokens), 1e-14);
    }
  }
}

TEST(Optimum, NodesOfSixNGiveTheClosedForm) {
  const auto nodes =
      FlopsPerToken::from_nodes("same", {{1e6, 6e6}, {3e8, 18e8}, {2e10, 12e10}, {1e12, 6e12}});
  for (const double c : {1e14, 1e20, 1e24, 1e28}) {
    const Optimum a = compute_optimum(law("epoch2024"), nodes, c);
    const Optimum b = compute_optimum(law("epoch2024"), FlopsPerToken::six_n(), c);
    EXPECT_NEAR(a.params / b.params, 1, 1e-10);
    EXPECT_NEAR(a.tokens / b.tokens, 1, 1e-10);
  }
}

TEST(Optimum, AnyFlopsPerTokenGivesTheBestOfAFineGrid) {
  const FlopsPerToken f = dear_small_models();
  for (const double c : {1e13, 1e15, 1e18, 1e22}) {
    for (const char* name : {"epoch2024", "hoffmann2022"}) {
      const Optimum best = compute_optimum(law(name), f, c);
      const double grid = brute_force(law(name), f, c);
      EXPECT_NEAR(std::log(best.params / grid), 0, 2e-4) << name << " " << c;
      EXPECT_LE(best.loss, loss_at_size(law(name), f, c, grid));
      EXPECT_NEAR(f(best.params) * best.tokens / c, 1, 1e-12);
    }
  }
}

TEST(Optimum, RandomLawsAgainstTheGrid) {
  SplitMix64 random(20);
  for (int k = 0; k < 20; ++k) {
    const LawParameters p = {.E = 1,
                             .A = std::exp(2 + 6 * random.uniform()),
                             .B = std::exp(2 + 6 * random.uniform()),
                             .alpha = 0.1 + 0.6 * random.uniform(),
                             .beta = 0.1 + 0.6 * random.uniform()};
    const Optimum best = compute_optimum(p, FlopsPerToken::six_n(), 1e20);
    if (best.place != OptimumPlace::kInterior) continue;
    EXPECT_NEAR(std::log(best.params / brute_force(p, FlopsPerToken::six_n(), 1e20)), 0, 2e-4);
  }
}

TEST(Optimum, ALawWithoutATradeOffRunsToAnEndAndSaysSo) {
  const LawParameters no_size = {.E = 1, .A = 0, .B = 100, .alpha = 0.3, .beta = 0.3};
  const LawParameters no_tokens = {.E = 1, .A = 100, .B = 0, .alpha = 0.3, .beta = 0.3};
  const LawParameters backwards = {.E = 1, .A = 1, .B = 100, .alpha = -0.1, .beta = 0.3};
  const auto place = [](const LawParameters& p) {
    return compute_optimum(p, FlopsPerToken::six_n(), 1e20).place;
  };
  EXPECT_EQ(place(no_size), OptimumPlace::kSmallestModel);
  EXPECT_EQ(place(no_tokens), OptimumPlace::kFewestTokens);
  EXPECT_EQ(place(backwards), OptimumPlace::kSmallestModel);
  EXPECT_NEAR(compute_optimum(no_tokens, FlopsPerToken::six_n(), 1e20).tokens, 1, 1e-9);
}

TEST(Optimum, ABudgetThatIsNoBudgetIsAnError) {
  for (const double flops : {0.0, -1e20, std::nan(""), double{INFINITY}}) {
    EXPECT_THROW(compute_optimum(law("epoch2024"), FlopsPerToken::six_n(), flops), Error);
  }
}

// The band that the design states for the 73B optimum at Gopher's budget: 50B to 106B.
TEST(NearOptimal, FivePercentOfComputeBuysAnySizeFrom50To106Billion) {
  const NearOptimal band =
      near_optimal(law("chinchilla-huber"), FlopsPerToken::six_n(), kGopher, 0.05);
  EXPECT_NEAR(band.params_low, 50.5e9, 0.05e9);
  EXPECT_NEAR(band.params_high, 105.9e9, 0.05e9);
  EXPECT_GT(band.loss_difference, 0);
  EXPECT_LT(band.loss_difference, 0.01);
}

TEST(NearOptimal, AtTheEdgesTheExtraComputeIsAllWasted) {
  for (const FlopsPerToken& f : {FlopsPerToken::six_n(), dear_small_models()}) {
    for (const double extra : {0.01, 0.05, 0.5}) {
      const LawParameters p = law("epoch2024");
      const Optimum best = compute_optimum(p, f, 1e19);
      const NearOptimal band = near_optimal(p, f, 1e19, extra);
      EXPECT_LT(band.params_low, best.params);
      EXPECT_GT(band.params_high, best.params);
      const double enough = compute_optimum(p, f, 1e19 / (1 + extra)).loss;
      EXPECT_NEAR(loss_at_size(p, f, 1e19, band.params_low), enough, 1e-12);
      EXPECT_NEAR(loss_at_size(p, f, 1e19, band.params_high), enough, 1e-12);
      EXPECT_GT(loss_at_size(p, f, 1e19, band.params_high * 1.001), enough);
      EXPECT_GT(loss_at_size(p, f, 1e19, band.params_low / 1.001), enough);
    }
  }
}

TEST(NearOptimal, NoExtraComputeIsAnError) {
  EXPECT_THROW(near_optimal(law("epoch2024"), FlopsPerToken::six_n(), 1e20, 0), Error);
  EXPECT_THROW(near_optimal(law("epoch2024"), FlopsPerToken::six_n(), 1e20, std::nan("")), Error);
}

}  // namespace
}  // namespace isoflop
