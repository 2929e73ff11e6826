#include "design/suggest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "fit/fit_law.h"
#include "law/optimum.h"
#include "law/presets.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

constexpr double kNoise = 0.003;
constexpr double kTarget = 1e23;

LawFit fit_of_grid(const std::vector<Observation>& rows) {
  return fit_law(rows, "grid", {.draws = 300, .isoflop = false, .backtest = false});
}

Observation measured(double params, double tokens, SplitMix64& random) {
  Observation o;
  o.params = params;
  o.tokens = tokens;
  o.flops = 6 * params * tokens;
  o.loss = predict_loss(kTruth, params, tokens) * std::exp(kNoise * normal(random));
  return o;
}

double spread_of(const LawFit& fit) {
  std::vector<double> sizes;
  for (const LawParameters& draw : fit.draws) {
    sizes.push_back(compute_optimum(draw, fit.flops, kTarget).params);
  }
  const Interval n = interval_over(1, sizes, fit.interval_level);
  return std::log(*n.high / *n.low);
}

// The same sum of FLOPs spent on more of what the grid has already.
std::vector<Observation> with_repeats(std::vector<Observation> rows, double flops,
                                      SplitMix64& random) {
  const std::size_t planned = rows.size();
  for (double spent = 0; spent < flops;) {
    const Observation& cell = rows[random.below(planned)];
    spent += cell.flops;
    rows.push_back(measured(cell.params, cell.tokens, random));
  }
  return rows;
}

// The prediction against what happens: averaged over worlds, because one bootstrap's spread is good
// to about 10 % only.
TEST(Suggest, TheIntervalShrinksAboutAsPredictedAndMoreThanByRepeatingTheGrid) {
  constexpr int kWorlds = 12;
  double predicted = 0;
  double found = 0;
  double repeated = 0;
  for (int world = 0; world < kWorlds; ++world) {
    const auto rows = isoflop_grid({1e18, 4e18, 1.6e19, 6.4e19}, 5, kNoise, 100 + world);
    const LawFit fit = fit_of_grid(rows);
    const Suggestions next =
        suggest_runs(fit, {.target_flops = kTarget, .count = 6, .noise = kNoise});
    SplitMix64 random(static_cast<std::uint64_t>(world));
    std::vector<Observation> more = rows;
    double cost = 0;
    for (const SuggestedRun& run : next.runs) {
      more.push_back(measured(run.params, run.tokens, random));
      cost += run.flops;
    }
    predicted += std::log(next.runs.back().spread) / std::log(next.spread) / kWorlds;
    found += spread_of(fit_of_grid(more)) / spread_of(fit) / kWorlds;
    repeated += spread_of(fit_of_grid(with_repeats(rows, cost, random))) / spread_of(fit) / kWorlds;
  }
  EXPECT_LT(found, 0.9);
  EXPECT_NEAR(found, predicted, 0.15);
  EXPECT_LT(found, repeated);
}

// Brute force: the joint covariance of the answer and two runs, conditioned by its textbook
// formula.
TEST(Suggest, ConditionsAsTheGaussianFormulaDoes) {
  const LawFit fit = fit_of_grid(isoflop_grid({1e18, 1e19, 1e20}, 7, kNoise, 3));
  const Suggestions next = suggest_runs(fit, {.target_flops = kTarget, .count = 2, .noise = 0.01});
  ASSERT_EQ(next.runs.size(), 2u);
  std::vector<std::array<double, 3>> rows;
  for (const LawParameters& d : fit.draws) {
    rows.push_back({std::log(compute_optimum(d, fit.flops, kTarget).params),
                    std::log(predict_loss(d, next.runs[0].params, next.runs[0].tokens)),
                    std::log(predict_loss(d, next.runs[1].params, next.runs[1].tokens))});
  }
  // Clipped as the header says.
  std::array<std::array<double, 3>, 3> v{};
  for (std::size_t j = 0; j < 3; ++j) {
    std::vector<double> column;
    for (const auto& row : rows) column.push_back(row[j]);
    const double low = quantile(column, 0.01);
    const double high = quantile(column, 0.99);
    double mean = 0;
    for (auto& row : rows) {
      row[j] = std::clamp(row[j], low, high);
      mean += row[j] / static_cast<double>(rows.size());
    }
    for (auto& row : rows) row[j] -= mean;
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        v[i][j] += row[i] * row[j] / static_cast<double>(rows.size());
      }
    }
  }
  const double s2 = 1e-4;
  const double p = v[1][1] + s2, q = v[2][2] + s2, r = v[1][2];
  const double det = p * q - r * r;
  const double left =
      v[0][0] - (q * v[0][1] * v[0][1] - 2 * r * v[0][1] * v[0][2] + p * v[0][2] * v[0][2]) / det;
  const double expected = std::pow(next.spread, std::sqrt(left / v[0][0]));
  EXPECT_NEAR(next.runs[1].spread, expected, 1e-6 * expected);
}

TEST(Suggest, RunsStayWithinTheirLimitAndTheFittedRange) {
  const LawFit fit = fit_of_grid(isoflop_grid({1e18, 1e19, 1e20}, 7, kNoise, 4));
  const Suggestions next =
      suggest_runs(fit, {.target_flops = kTarget, .count = 8, .max_flops = 2e19});
  ASSERT_EQ(next.runs.size(), 8u);
  double last = next.spread;
  for (const SuggestedRun& run : next.runs) {
    EXPECT_LE(run.flops, 2e19 * 1.001);
    EXPECT_GE(run.flops, fit.flops_low * 0.999);
    EXPECT_GE(run.params, fit.params_low / 1.5 * 0.999);
    EXPECT_LE(run.params, fit.params_high * 1.5 * 1.001);
    EXPECT_LT(run.spread, last);
    last = run.spread;
  }
}

TEST(Suggest, ALawWithoutDrawsAndWrongOptionsAreErrors) {
  const auto code_of = [](const LawFit& fit, const SuggestOptions& options) {
    try {
      suggest_runs(fit, options);
    } catch (const Error& error) {
      return error.code().empty() ? std::string("usage") : error.code();
    }
    return std::string();
  };
  EXPECT_EQ(code_of(preset_law("epoch2024"), {.target_flops = 1e21}), "no_draws");
  LawFit fit = fit_of_grid(isoflop_grid({1e18, 1e19, 1e20}, 7, kNoise, 4));
  EXPECT_EQ(code_of(fit, {.target_flops = -1}), "usage");
  EXPECT_EQ(code_of(fit, {.target_flops = 1e21, .count = 0}), "usage");
  fit.flops_high = 0;
  EXPECT_EQ(code_of(fit, {.target_flops = 1e21}), "no_range");
}

}  // namespace
}  // namespace isoflop
