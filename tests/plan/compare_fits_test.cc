#include "plan/compare_fits.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/interval.h"
#include "core/loss_unit.h"
#include "law/loss_law.h"
#include "law/optimum.h"
#include "law/presets.h"
#include "tests/plan/compare_laws.h"

namespace isoflop {
namespace {

LawFit fit_of(const LawParameters& parameters, int draws, unsigned seed, double noise = 0.01) {
  LawFit fit;
  fit.parameters = parameters;
  fit.flops_low = 1e18;
  fit.flops_high = 1e21;
  fit.data_sha256 = "same";
  return with_draws(fit, draws, noise, seed);
}

const LawParameters kBase{.E = 1.8, .A = 480, .B = 2100, .alpha = 0.35, .beta = 0.37};

double loss_at(const LawParameters& law, double flops) {
  return compute_optimum(law, FlopsPerToken::six_n(), flops).loss;
}

TEST(CompareFits, TwoFitsOfTheSameDataAreAsGoodAsEachOther) {
  const FitComparison result = compare_fits(fit_of(kBase, 400, 1), fit_of(kBase, 400, 2), {});
  // 400 x 400 pairs: the standard error of P is about 0.5 sqrt(2 / 400) = 0.035.
  EXPECT_NEAR(*result.at.a_better, 0.5, 0.1);
  ASSERT_TRUE(result.at.multiplier);
  EXPECT_NEAR(result.at.multiplier->value, 1, 1e-9);
  EXPECT_LT(*result.at.multiplier->low, 1);
  EXPECT_GT(*result.at.multiplier->high, 1);
  EXPECT_EQ(result.at.flops, 1e21);
  EXPECT_TRUE(result.crossovers.empty());
  EXPECT_TRUE(result.warnings.empty());
}

// The same fit twice: draws must not be paired with themselves.
TEST(CompareFits, AFitAgainstItselfIsATossUp) {
  const LawFit fit = fit_of(kBase, 300, 5);
  const FitComparison result = compare_fits(fit, fit, {});
  EXPECT_DOUBLE_EQ(*result.at.a_better, 0.5);  // every pair has its mirror image
  EXPECT_GT(*result.at.difference.high - *result.at.difference.low, 1e-3);
}

TEST(CompareFits, AgreesWithAllPairsByBruteForce) {
  LawParameters other = kBase;
  other.A *= 0.9;
  other.E = 1.81;
  const LawFit a = fit_of(other, 37, 3);
  const LawFit b = fit_of(kBase, 41, 4);
  const double flops = 3e20;
  const FitComparison result = compare_fits(a, b, {.flops = flops});
  double lower = 0;
  for (const LawParameters& x : a.draws) {
    for (const LawParameters& y : b.draws) lower += loss_at(x, flops) < loss_at(y, flops) ? 1 : 0;
  }
  EXPECT_DOUBLE_EQ(*result.at.a_better, lower / (37 * 41));
  EXPECT_NEAR(result.at.difference.value, loss_at(other, flops) - loss_at(kBase, flops), 1e-12);
  // The multiplier, by walking along B's frontier.
  double x = std::log(flops) - 5;
  while (loss_at(kBase, std::exp(x)) > loss_at(other, flops)) x += 1e-4;
  EXPECT_NEAR(result.at.multiplier->value / (std::exp(x) / flops), 1, 1.1e-4);
  // Quantiles of one shuffled pairing lie near those of all pairs: 41 of 1,517 pairs.
  std::vector<double> differences;
  for (const LawParameters& p : a.draws) {
    for (const LawParameters& q : b.draws) {
      differences.push_back(loss_at(p, flops) - loss_at(q, flops));
    }
  }
  const double width = quantile(differences, 0.95) - quantile(differences, 0.05);
  EXPECT_NEAR(*result.at.difference.high, quantile(differences, 0.95), 0.3 * width);
  EXPECT_NEAR(*result.at.difference.low, quantile(differences, 0.05), 0.3 * width);
}

TEST(CompareFits, FindsTheCrossoverWhereTheFrontiersMeet) {
  // A is worse at first and falls to a lower floor.
  LawParameters a = kBase;
  a.E = 1.7;
  a.A = 700;
  const FitComparison result =
      compare_fits(fit_of(a, 200, 8, 0.002), fit_of(kBase, 200, 9, 0.002), {});
  ASSERT_EQ(result.crossovers.size(), 1u);
  const Crossover& crossover = result.crossovers[0];
  EXPECT_TRUE(crossover.a_wins_above);
  double x = std::log(1e18);
  while (loss_at(a, std::exp(x)) > loss_at(kBase, std::exp(x))) x += 1e-3;
  EXPECT_NEAR(crossover.flops.value / std::exp(x), 1, 1.1e-3);
  EXPECT_LT(*crossover.flops.low, crossover.flops.value);
  EXPECT_GT(*crossover.flops.high, crossover.flops.value);
  EXPECT_EQ(crossover.share, 1);
}

TEST(CompareFits, SaysWhereThereIsNoCrossover) {
  LawParameters better = kBase;
  better.E = 1.6;
  const FitComparison result = compare_fits(fit_of(better, 100, 1), fit_of(kBase, 100, 2), {});
  EXPECT_TRUE(result.crossovers.empty());
  EXPECT_EQ(result.crossing_low, 1e18);
  EXPECT_EQ(result.crossing_high, 1e24);
  EXPECT_EQ(*result.at.a_better, 1);
  EXPECT_GT(result.at.multiplier->value, 1);
}

// A's loss lies below B's floor: no compute is enough.
TEST(CompareFits, AMultiplierThatNoComputeReachesIsAbsent) {
  LawParameters better = kBase;
  better.E = 1.2;
  const FitComparison result =
      compare_fits(fit_of(better, 100, 1), fit_of(kBase, 100, 2), {.flops = 1e27});
  EXPECT_FALSE(result.at.multiplier);
  EXPECT_EQ(result.at.never_share, 1);
  EXPECT_EQ(result.warnings[0].code, "extrapolation");
}

TEST(CompareFits, BitsPerByteUndoTheTokenizer) {
  // The same model and text, but B's tokens are twice as long: twice the nats per token.
  LawParameters twice = kBase;
  twice.E *= 2;
  twice.A *= 2;
  twice.B *= 2;
  const CompareFitsOptions bytes{.bytes_per_token_a = 4, .bytes_per_token_b = 8};
  const FitComparison result = compare_fits(fit_of(kBase, 0, 1), fit_of(twice, 0, 1), bytes);
  EXPECT_EQ(result.unit, "bits per byte");
  EXPECT_NEAR(result.at.loss_a.value, loss_at(kBase, 1e21) / (4 * std::log(2)), 1e-12);
  EXPECT_NEAR(result.at.difference.value, 0, 1e-12);
  EXPECT_NEAR(result.at.multiplier->value, 1, 1e-9);
  EXPECT_FALSE(result.at.a_better);  // no draws on either side
  EXPECT_THROW(compare_fits(fit_of(kBase, 0, 1), fit_of(twice, 0, 1), {.bytes_per_token_a = 4}),
               Error);
}

TEST(CompareFits, DifferentConventionsMeetAtSixND) {
  LawFit a = fit_of(kBase, 20, 1);
  const LawFit b = fit_of(kBase, 20, 2);
  a.flops = dear_small_models();
  const FitComparison result = compare_fits(a, b, {.flops = 1e21});
  EXPECT_EQ(result.convention, "6nd");
  EXPECT_EQ(result.warnings[0].code, "mixed_conventions");
  EXPECT_NEAR(result.at.difference.value, 0, 1e-12);
  // Under the same name each side keeps its own count.
  LawFit c = b;
  c.flops = dear_small_models();
  EXPECT_EQ(compare_fits(a, c, {}).convention, "test");
}

TEST(CompareFits, LossesOfTwoUnitsAreNotCompared) {
  LawFit bits = fit_of(kBase, 20, 1);
  bits.loss_unit = kBitsPerByte;
  LawFit masked = bits;
  masked.loss_unit = kNatsPerMaskedToken;
  for (const LawFit& other : {masked, fit_of(kBase, 20, 2)}) {
    try {
      compare_fits(bits, other, {});
      ADD_FAILURE() << "compared with " << other.loss_unit;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kRefused) << error.what();
      EXPECT_NE(std::string(error.what()).find("bits per byte"), std::string::npos);
    }
  }
  EXPECT_EQ(compare_fits(bits, bits, {}).unit, "bits per byte");
  EXPECT_EQ(compare_fits(masked, masked, {}).unit, "nats per masked token");
  EXPECT_THROW(compare_fits(bits, bits, {.bytes_per_token_a = 4, .bytes_per_token_b = 4}), Error);
}

TEST(CompareFits, NamesWhatMakesTheAnswerDoubtful) {
  LawFit a = fit_of(kBase, 0, 1);
  a.data_sha256 = "other";
  const FitComparison result = compare_fits(a, fit_of(kBase, 50, 2), {.flops = 1e22});
  std::vector<std::string> codes;
  for (const Warning& warning : result.warnings) codes.push_back(warning.code);
  EXPECT_EQ(codes, (std::vector<std::string>{"different_data", "no_uncertainty", "extrapolation",
                                             "extrapolation"}));
  LawFit unknown = fit_of(kBase, 0, 1);
  unknown.flops_high = unknown.flops_low = 0;
  EXPECT_THROW(compare_fits(unknown, unknown, {}), Error);
  EXPECT_THROW(compare_fits(a, a, {.flops = -1}), Error);
}

}  // namespace
}  // namespace isoflop
