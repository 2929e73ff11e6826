#include "fit/hyper_fit.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"
#include "core/hash.h"
#include "core/normal.h"
#include "fit/hyper_rungs.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::Field;

// What a simulated sweep tries at every (N, D): the true best rate and batch times these.
struct Tried {
  HyperPower rate;
  HyperPower batch;
  std::vector<std::pair<double, double>> cells;  // N, D
  std::vector<double> rates;                     // absolute
  std::vector<double> batches = {65536};
  double noise = 0;
  int seeds = 1;
  double rate_curvature = 0.02;
  double batch_curvature = 0.01;
  double bend = 0;  // third order, in ln(rate)
};

double best_at(const HyperPower& power, double n, double d) {
  return value_at(power, CountedParams::kAll, hyper_point(n, d));
}

std::vector<TunedRun> simulate_tuning(const Tried& tried, std::uint64_t seed) {
  SplitMix64 random(splitmix64(seed));
  std::vector<TunedRun> runs;
  for (const auto& [n, d] : tried.cells) {
    const double rate = best_at(tried.rate, n, d);
    const double batch = tried.batch.coefficient > 0 ? best_at(tried.batch, n, d) : 65536;
    for (const double b : tried.batches) {
      for (const double r : tried.rates) {
        for (int s = 0; s < tried.seeds; ++s) {
          const double x = std::log(r / rate), z = std::log(b / batch);
          const double loss = 2 + 0.5 * tried.rate_curvature * x * x + tried.bend * x * x * x +
                              0.5 * tried.batch_curvature * z * z +
                              tried.noise * standard_normal(random);
          runs.push_back({.params = n, .tokens = d, .rate = r, .batch = b, .loss = loss});
        }
      }
    }
  }
  return runs;
}

std::vector<double> spaced(double from, double to, double factor) {
  std::vector<double> values;
  for (double v = from; v <= to * 1.0001; v *= factor) values.push_back(v);
  return values;
}

TEST(HyperRungs, WithoutNoiseTheParabolasVertexIsTheBestRate) {
  const Tried tried{.rate = {.coefficient = 1, .params = -0.45},
                    .cells = {{1e5, 2e6}},
                    .rates = spaced(1e-3, 3e-2, 2)};
  const HyperRungs found = find_hyper_rungs(simulate_tuning(tried, 1), 0.9);
  ASSERT_EQ(found.rates.size(), 1u);
  const HyperRung& rung = found.rates[0];
  EXPECT_TRUE(rung.bracketed());
  EXPECT_NEAR(rung.best / std::pow(1e5, -0.45), 1, 1e-9);  // exact but for rounding
  EXPECT_NEAR(rung.curvature, 0.02, 1e-9);
  EXPECT_NEAR(*rung_loss(rung, 2 * rung.best), 0.01 * std::log(2) * std::log(2), 1e-9);
  EXPECT_FALSE(rung_loss(rung, 100));
  EXPECT_TRUE(found.batches.empty());
}

TEST(HyperRungs, EdgesDivergenceAndFlatRungsAreNoBrackets) {
  const auto state_of = [](std::vector<std::pair<double, double>> points, double noise_pair = 0) {
    std::vector<TunedRun> runs;
    for (const auto& [rate, loss] : points) {
      for (int s = 0; s < (noise_pair > 0 ? 2 : 1); ++s) {
        runs.push_back({.params = 1e6,
                        .tokens = 2e7,
                        .rate = rate,
                        .loss = loss + (s == 0 ? 1 : -1) * noise_pair});
      }
    }
    return find_hyper_rungs(runs, 0.9).rates.at(0).state;
  };
  const double never = std::numeric_limits<double>::infinity();
  EXPECT_EQ(state_of({{1e-3, 2}, {2e-3, 2.1}, {4e-3, 2.2}}), RungState::kAtLowEdge);
  EXPECT_EQ(state_of({{1e-3, 2.2}, {2e-3, 2.1}, {4e-3, 2.05}}), RungState::kAtHighEdge);
  EXPECT_EQ(state_of({{1e-3, 2.2}, {2e-3, 2.1}, {4e-3, never}}), RungState::kBesideDiverged);
  EXPECT_EQ(state_of({{1e-3, 2.2}, {2e-3, 2.1}, {4e-3, 2.15}}), RungState::kBracketed);
  // The same with noise of 0.1: nobody can say.
  EXPECT_EQ(state_of({{1e-3, 2.2}, {2e-3, 2.1}, {4e-3, 2.15}}, 0.1), RungState::kFlat);
}

// D is rounded to whole batches, so that runs of one cell have nearly one D.
TEST(HyperRungs, TokensWithinThreePercentAreOneCell) {
  std::vector<TunedRun> runs;
  for (const double d : {1e7, 1.02e7, 2e7}) {
    for (const double r : {1e-3, 2e-3, 4e-3}) {
      const double x = std::log(r / 2e-3);
      runs.push_back({.params = 1e6, .tokens = d, .rate = r, .batch = d, .loss = 2 + x * x});
    }
  }
  EXPECT_EQ(find_hyper_rungs(runs, 0.9).rates.size(), 2u);
}

// The height of a parabola through n rates x s seeds is known better than one loss is. Over many
// cells, what the best batch misses the truth by is as large as its error says: 20 x 6 cells make
// the root mean square of the ratio good to 1 / sqrt(2 x 120) = 6.5 %; three of them.
TEST(HyperRungs, TheBestBatchsErrorIsWhatItMissesTheTruthBy) {
  for (const int seeds : {1, 4, 9}) {
    Tried tried{.rate = {.coefficient = 1.2, .params = -0.45},
                .batch = {.coefficient = 10, .tokens = 0.5},
                .rates = spaced(5e-4, 0.05, 2),
                .batches = spaced(2048, 1e6, 2),
                .noise = 0.001 * std::sqrt(seeds),
                .seeds = seeds};
    for (double n = 1e5; n < 4e6; n *= 2) tried.cells.emplace_back(n, 20 * n);
    double squares = 0;
    int rungs = 0, bracketed = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
      for (const HyperRung& rung : find_hyper_rungs(simulate_tuning(tried, i + 1), 0.9).batches) {
        ++rungs;
        if (!rung.bracketed()) continue;
        ++bracketed;
        const double off = std::log(rung.best / best_at(tried.batch, rung.params, rung.tokens));
        squares += std::pow(off / rung.log_error, 2);
      }
    }
    EXPECT_EQ(rungs, 120) << seeds;
    EXPECT_EQ(bracketed, rungs) << seeds;
    EXPECT_NEAR(std::sqrt(squares / bracketed), 1, 0.2) << seeds;
  }
}

// The batch with the least loss speaks for the rate: where its own rates are no bracket there is no
// best rate, though a worse batch has one.
TEST(HyperRungs, AWorseBatchsBracketIsNoneOfTheBestBatch) {
  std::vector<TunedRun> runs;
  for (double n = 1e5; n < 2e6; n *= 2) {
    for (const double batch : {8192.0, 65536.0}) {
      const bool worse = batch > 8192;
      const double best = (worse ? 0.25 : 1) * std::pow(n, -0.45);
      for (const double times : {0.125, 0.25, 0.5}) {
        const double rate = times * std::pow(n, -0.45), x = std::log(rate / best);
        runs.push_back({.params = n,
                        .tokens = 20 * n,
                        .rate = rate,
                        .batch = batch,
                        .loss = (worse ? 3.23 : 3.0) + 0.05 * x * x});
      }
    }
  }
  const HyperFit fit = fit_hyper_law(runs);
  ASSERT_EQ(fit.rate.rungs.size(), 5u);
  for (const HyperRung& rung : fit.rate.rungs) {
    EXPECT_EQ(rung.state, RungState::kAtHighEdge);
    EXPECT_EQ(rung.beside, 8192);
  }
  EXPECT_EQ(fit.rate.refused, "too_few_rungs");
}

// Of five batches the smallest is the best, but not at rates that bracket its own: nobody knows
// the best batch, and it is not "at the lowest that was tried".
TEST(HyperRungs, ABatchThatIsBestBesideAnOpenRateIsNoBracket) {
  const auto state_of = [](double open_by) {
    std::vector<TunedRun> runs;
    for (const double batch : {4096.0, 8192.0, 16384.0, 32768.0, 65536.0}) {
      const double best = batch == 4096 ? 0.1 : 0.01;
      const double z = std::log(batch / 8192);
      for (const double rate : {0.005, 0.01, 0.02}) {
        const double x = std::log(rate / best);
        const double loss = 3 + 0.02 * z * z + 0.05 * x * x - (batch == 4096 ? open_by : 0);
        runs.push_back({.params = 1e6, .tokens = 2e7, .rate = rate, .batch = batch, .loss = loss});
      }
    }
    const HyperRungs found = find_hyper_rungs(runs, 0.9);
    return std::pair(found.batches.at(0).state, found.rates.at(0).state);
  };
  EXPECT_EQ(state_of(0.5), std::pair(RungState::kBesideOpen, RungState::kAtHighEdge));
  // Worse where it was tried, but nobody knows how much better at its own rates: the brackets fall
  // towards it.
  EXPECT_EQ(state_of(0), std::pair(RungState::kBesideOpen, RungState::kBracketed));
}

TEST(HyperFit, TheNoiseIsThatOfSeedsElseOfResiduals) {
  Tried tried{.rate = {.coefficient = 1, .params = -0.45},
              .cells = {{1e5, 2e6}, {4e5, 8e6}, {1.6e6, 3.2e7}},
              .rates = spaced(3e-4, 3e-2, std::sqrt(2)),
              .noise = 0.003,
              .seeds = 3};
  const HyperFit seeds = fit_hyper_law(simulate_tuning(tried, 2));
  EXPECT_EQ(seeds.noise_source, "seeds");
  // 84 degrees of freedom: a standard error of 1 / sqrt(2 x 84) = 8 %; three of them.
  EXPECT_NEAR(seeds.noise / 0.003, 1, 0.24);
  tried.seeds = 1;
  const HyperFit residuals = fit_hyper_law(simulate_tuning(tried, 3));
  EXPECT_EQ(residuals.noise_source, "residuals");
  // About 18 degrees of freedom: 17 %.
  EXPECT_NEAR(residuals.noise / 0.003, 1, 0.5);
}

// The exponent's 90 % interval holds the truth in about 90 % of simulated sweeps; with 400 of them
// the share has a standard error of 1.5 % (the tolerance is three of them), and seven sizes of
// equal noise make it exactly Student's but for the bias of windows around a noisy best.
TEST(HyperFit, IntervalsCoverTheTruthAsOftenAsTheySay) {
  Tried tried{.rate = {.coefficient = 1.2, .params = -0.45},
              .rates = spaced(2e-4, 6e-2, 2),
              .noise = 0.004,
              .seeds = 2};
  for (double n = 2e4; n < 3e6; n *= 2.2) tried.cells.emplace_back(n, 20 * n);
  int inside = 0, value_inside = 0, fitted = 0;
  for (int i = 0; i < 400; ++i) {
    const HyperFit fit = fit_hyper_law(simulate_tuning(tried, 100 + i), {.draws = 300, .seed = 7});
    if (!fit.law.rate) continue;
    ++fitted;
    const Interval n = *fit.rate.params_exponent;
    inside += *n.low <= -0.45 && -0.45 <= *n.high;
    const Interval far = *rate_at(fit.law, hyper_point(1e8, 2e9));
    const double truth = best_at(tried.rate, 1e8, 2e9);
    value_inside += *far.low <= truth && truth <= *far.high;
  }
  EXPECT_GT(fitted, 395);
  EXPECT_NEAR(static_cast<double>(inside) / fitted, 0.9, 0.05);
  EXPECT_NEAR(static_cast<double>(value_inside) / fitted, 0.9, 0.05);
}

// Scatter between sizes beyond the noise widens the intervals.
TEST(HyperFit, ScatterBetweenRungsIsSeen) {
  Tried tried{.rate = {.coefficient = 1, .params = -0.45},
              .rates = spaced(1e-4, 1e-1, 2),
              .noise = 0.001,
              .seeds = 2};
  std::vector<TunedRun> runs;
  SplitMix64 random(5);
  for (double n = 1e4; n < 2e7; n *= 2) {
    tried.rate.coefficient = std::exp(0.3 * standard_normal(random));
    tried.cells = {{n, 20 * n}};
    const auto more = simulate_tuning(tried, static_cast<std::uint64_t>(n));
    runs.insert(runs.end(), more.begin(), more.end());
  }
  const HyperFit fit = fit_hyper_law(runs);
  // 11 rungs, 9 degrees of freedom: 24 % standard error of 0.3, three of them.
  EXPECT_NEAR(fit.rate.scatter, 0.3, 0.2);
  EXPECT_GT(*fit.rate.params_exponent->high - *fit.rate.params_exponent->low, 0.05);
}

// A grid like Step Law's (Li et al. 2025): sizes and tokens apart, rates a factor sqrt 2 apart,
// batches a factor 2, wide enough that no best lies at an edge. Its own exponents come back within
// their intervals, and these are narrow.
TEST(HyperFit, StepLawsExponentsComeBackFromAGridLikeTheirs) {
  const HyperLaw& law = published_hyper_law("steplaw");
  Tried tried{.rate = law.rate->power,
              .batch = law.batch->power,
              .rates = spaced(std::exp2(-13), std::exp2(-5), std::sqrt(2)),
              .batches = spaced(32768, 4e6, 2),
              .noise = 0.001};
  for (const double n : {6e7, 2.1e8, 4.3e8, 1.07e9}) {
    for (const double d : {2e9, 8e9, 2e10, 1e11}) tried.cells.emplace_back(n, d);
  }
  const HyperFit fit = fit_hyper_law(simulate_tuning(tried, 11));
  ASSERT_TRUE(fit.law.rate && fit.law.batch);
  // Half widths are about 0.01, so that 0.03 is beyond three and a half standard errors.
  const auto near = [](const Interval& i, double truth) {
    EXPECT_NEAR(i.value, truth, 0.03);
    EXPECT_LT(*i.high - *i.low, 0.06);
  };
  near(*fit.rate.params_exponent, -0.713);
  near(*fit.rate.tokens_exponent, 0.307);
  near(*fit.batch.tokens_exponent, 0.571);
  near(*fit.batch.params_exponent, 0);
  EXPECT_TRUE(outside_of(fit.law, hyper_point(1e9, 5e10)).empty());
}

// A star: rates at the batch of the rule, batches at its rate, as brackets train them.
TEST(HyperFit, AStarOfRatesAndBatchesGivesBothLaws) {
  const HyperPower rate{.coefficient = 1, .params = -0.45};
  const HyperPower batch{.coefficient = 3, .tokens = 0.5};
  std::vector<TunedRun> runs;
  for (double n = 1e5; n < 2e6; n *= 2) {
    const double d = 20 * n, r0 = 0.8 * best_at(rate, n, d), b0 = 1.2 * best_at(batch, n, d);
    const auto add = [&](double r, double b) {
      const double x = std::log(r / best_at(rate, n, d)), z = std::log(b / best_at(batch, n, d));
      runs.push_back({.params = n,
                      .tokens = d,
                      .rate = r,
                      .batch = b,
                      .loss = 2 + 0.01 * x * x + 0.005 * z * z,
                      .rule_rate = r0});
    };
    for (const double times : {0.5, 1.0, 2.0}) add(times * r0, b0);
    for (const double times : {0.5, 2.0}) add(r0, times * b0);
  }
  const HyperFit fit = fit_hyper_law(runs);
  ASSERT_TRUE(fit.law.rate && fit.law.batch);
  EXPECT_NEAR(fit.law.rate->power.params, -0.45, 1e-9);
  EXPECT_NEAR(fit.law.batch->power.tokens, 0.5, 1e-9);
  EXPECT_NEAR(*fit.rate.rungs[0].rule_loss, 0.01 * std::log(0.8) * std::log(0.8), 1e-9);
  EXPECT_NEAR(*fit.rate.rungs[0].law_loss, 0, 1e-9);
  // D went with N: the exponent says so.
  EXPECT_THAT(fit.rate.warnings, Contains(Field(&Warning::code, "tokens_follow_params")));
  EXPECT_THAT(fit.rate.warnings, Contains(Field(&Warning::code, "noise_unknown")));
}

TEST(HyperFit, RungsAtAnEdgeAreLeftOutCountedAndHeldAgainstTheLaw) {
  Tried tried{.rate = {.coefficient = 1, .params = -0.45},
              .rates = spaced(1e-3, 3.2e-2, 2),
              .noise = 0.0005,
              .seeds = 2};
  for (double n = 1e4; n < 1e6; n *= 2.5) tried.cells.emplace_back(n, 20 * n);
  auto runs = simulate_tuning(tried, 3);
  const int inside = fit_hyper_law(runs).rate.bracketed;
  // A size whose best lies below all that was tried, though the law says otherwise.
  tried.cells = {{3e5, 6e6}};
  tried.rate.coefficient = 0.01;
  const auto edge = simulate_tuning(tried, 4);
  runs.insert(runs.end(), edge.begin(), edge.end());
  const HyperFit fit = fit_hyper_law(runs);
  EXPECT_EQ(fit.rate.bracketed, inside);
  EXPECT_EQ(fit.rate.rungs.size(), static_cast<std::size_t>(inside) + 1);
  EXPECT_THAT(fit.rate.warnings, Contains(Field(&Warning::code, "unbracketed")));
  EXPECT_THAT(fit.rate.warnings, Contains(Field(&Warning::code, "edge_disagrees")));
  EXPECT_NEAR(fit.law.rate->power.params, -0.45, 0.03);
}

// Both exponents' and both values' intervals, where rates were varied at every batch with seeds.
// 150 sweeps: the share's standard error is 2.4 %; three of them.
TEST(HyperFit, IntervalsOfTheBatchCoverTheTruthWithSeeds) {
  Tried tried{.rate = {.coefficient = 1.2, .params = -0.45},
              .batch = {.coefficient = 10, .tokens = 0.5},
              .rates = spaced(5e-4, 0.05, 2),
              .batches = spaced(2048, 1e6, 2),
              .noise = 0.002,
              .seeds = 4};
  for (double n = 1e5; n < 4e6; n *= 2) tried.cells.emplace_back(n, 20 * n);
  int rate = 0, batch = 0;
  for (std::uint64_t i = 0; i < 150; ++i) {
    const HyperFit fit = fit_hyper_law(simulate_tuning(tried, 500 + i), {.draws = 300, .seed = 7});
    ASSERT_TRUE(fit.law.rate && fit.law.batch);
    EXPECT_EQ(fit.batch.bracketed, 6);
    const Interval n = *fit.rate.params_exponent, d = *fit.batch.tokens_exponent;
    rate += *n.low <= -0.45 && -0.45 <= *n.high;
    batch += *d.low <= 0.5 && 0.5 <= *d.high;
  }
  EXPECT_NEAR(rate / 150.0, 0.9, 0.075);
  EXPECT_NEAR(batch / 150.0, 0.9, 0.075);
}

// Three rungs leave one degree of freedom, and Student's t with one has draws beyond all numbers.
TEST(HyperFit, DrawsBeyondAllNumbersAreLeftOutAndCounted) {
  int lost = 0;
  for (const double scatter : {0.5, 1.5, -2.5}) {
    std::vector<TunedRun> runs;
    for (const double n : {1e6, 2e6, 4e6}) {
      const double best = std::pow(n, -0.45) * std::exp(n == 2e6 ? scatter : 0);
      for (const double times : {0.5, 1.0, 2.0}) {
        const double x = std::log(times);
        runs.push_back(
            {.params = n, .tokens = 20 * n, .rate = times * best, .loss = 2 + 0.02 * x * x});
      }
    }
    const HyperFit fit = fit_hyper_law(runs);
    ASSERT_TRUE(fit.law.rate);
    EXPECT_EQ(fit.law.rate->draws.size() + fit.rate.lost_draws, 1000u);
    lost += fit.rate.lost_draws;
    const bool said =
        std::any_of(fit.rate.warnings.begin(), fit.rate.warnings.end(),
                    [](const Warning& warning) { return warning.code == "lost_draws"; });
    EXPECT_EQ(said, fit.rate.lost_draws > 0);
    for (const HyperPower& draw : fit.law.rate->draws) {
      ASSERT_TRUE(draw.coefficient > 0 && std::isfinite(draw.coefficient));
      // Far from the rungs too: a number, or beyond all of them, but never none.
      ASSERT_FALSE(std::isnan(value_at(draw, CountedParams::kAll, hyper_point(1e12, 1e14))));
    }
    const Interval far = *rate_at(fit.law, hyper_point(1e9, 2e10));
    EXPECT_TRUE(!far.high || (std::isfinite(*far.high) && *far.low <= *far.high));
  }
  EXPECT_GT(lost, 0);
}

TEST(HyperFit, ALevelThatIsNoProbabilityIsRefused) {
  const std::vector<TunedRun> runs{{.params = 1e6, .tokens = 1e7, .rate = 1e-3, .loss = 2}};
  for (const double level : {1e9, 2.0, 1.0, 0.0, -1.0, std::nan("")}) {
    EXPECT_THROW(fit_hyper_law(runs, {.level = level}), Error) << level;
  }
}

TEST(HyperFit, SizesOfWhichNoRunEndedAreCounted) {
  std::vector<TunedRun> runs;
  for (const double n : {1e6, 2e6}) {
    for (const double rate : {1.0, 2.0, 4.0}) {
      runs.push_back({.params = n,
                      .tokens = 1e7,
                      .rate = rate,
                      .loss = std::numeric_limits<double>::infinity()});
    }
  }
  const HyperFit fit = fit_hyper_law(runs);
  EXPECT_EQ(fit.diverged, 2);
  EXPECT_TRUE(fit.rate.rungs.empty());
}

TEST(HyperFit, TooFewRungsAndOneSizeAreRefused) {
  Tried tried{.rate = {.coefficient = 1, .params = -0.45},
              .cells = {{1e5, 2e6}, {4e5, 8e6}},
              .rates = spaced(1e-3, 3.2e-2, 2)};
  const HyperFit few = fit_hyper_law(simulate_tuning(tried, 1));
  EXPECT_EQ(few.rate.refused, "too_few_rungs");
  EXPECT_EQ(few.batch.refused, "too_few_rungs");
  EXPECT_FALSE(few.law.rate);
  tried.cells = {{1e5, 2e6}, {1e5, 8e6}, {1e5, 3.2e7}};
  EXPECT_EQ(fit_hyper_law(simulate_tuning(tried, 1)).rate.refused, "one_size");
  EXPECT_THROW(fit_hyper_law(std::vector<TunedRun>{{.params = 0, .tokens = 1, .rate = 1}}), Error);
}

// Tables: t(0.95) is 6.3138, 2.9200, 2.0150, 1.6973 at 1, 2, 5 and 30 degrees of freedom.
TEST(HyperFit, StudentsQuantiles) {
  EXPECT_NEAR(student_quantile_of(0.95, 1), 6.3138, 1e-3);
  EXPECT_NEAR(student_quantile_of(0.95, 2), 2.9200, 1e-3);
  EXPECT_NEAR(student_quantile_of(0.95, 5), 2.0150, 1e-3);
  EXPECT_NEAR(student_quantile_of(0.95, 30), 1.6973, 1e-3);
  EXPECT_NEAR(student_quantile_of(0.05, 30), -1.6973, 1e-3);
}

}  // namespace
}  // namespace isoflop
