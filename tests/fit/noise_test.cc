#include "fit/noise.h"

#include <gtest/gtest.h>

#include "fit/bootstrap.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

// Three seeds at each of 4 x 5 points; `bend` is an error that a point's replicates share.
std::vector<Observation> replicated(double noise, double bend, std::uint64_t seed) {
  const auto points = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 5, bend, seed);
  SplitMix64 random(seed + 1);
  std::vector<Observation> rows;
  for (const Observation& point : points) {
    for (int k = 0; k < 3; ++k) {
      rows.push_back(point);
      rows.back().seed = k;
      rows.back().loss *= std::exp(noise * normal(random));
    }
  }
  return rows;
}

// Printed tables of F: 5 % and 1 % points.
TEST(Noise, TheTailOfFIsAsInPrintedTables) {
  EXPECT_NEAR(f_tail(4.26, 2, 9), 0.05, 2e-4);
  EXPECT_NEAR(f_tail(3.33, 5, 10), 0.05, 2e-4);
  EXPECT_NEAR(f_tail(5.64, 5, 10), 0.01, 1e-4);
  EXPECT_NEAR(f_tail(161.4, 1, 1), 0.05, 1e-4);
  EXPECT_NEAR(f_tail(1.84, 20, 40), 0.05, 5e-4);
  EXPECT_EQ(f_tail(0, 3, 3), 1);
}

// 40 degrees of freedom know a sigma to 11 %.
TEST(Noise, ReplicatesGiveTheirSigmaBackWhateverTheLaw) {
  for (const double bend : {0.0, 0.02}) {
    const NoiseEstimate noise = estimate_noise(replicated(0.003, bend, 4), kTruth);
    ASSERT_TRUE(noise.replicate_sigma.has_value());
    EXPECT_NEAR(*noise.replicate_sigma / 0.003, 1, 0.33);
    EXPECT_EQ(noise.replicate_degrees, 40);
    EXPECT_EQ(noise.replicated_points, 20);
  }
}

TEST(Noise, LackOfFitIsWarnedOfWhereItIsAndNotWhereItIsNot) {
  int warned = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    warned += lack_of_fit(estimate_noise(replicated(0.003, 0, seed), kTruth)) ? 1 : 0;
    EXPECT_TRUE(lack_of_fit(estimate_noise(replicated(0.003, 0.01, seed), kTruth)).has_value());
  }
  EXPECT_LE(warned, 1);  // at 1 %
}

TEST(Noise, ExactReplicatesThatMissTheLawAreLackOfFit) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19}, 6, 0.01, 1);
  const auto once = rows;
  rows.insert(rows.end(), once.begin(), once.end());
  const NoiseEstimate noise = estimate_noise(rows, kTruth);
  EXPECT_EQ(noise.replicate_sigma, 0);
  ASSERT_TRUE(lack_of_fit(noise).has_value());
  EXPECT_THAT(lack_of_fit(noise)->message, ::testing::HasSubstr("do not scatter at all"));
}

TEST(Noise, WithoutReplicatesNothingIsSaidOfTheFit) {
  const NoiseEstimate noise = estimate_noise(isoflop_grid({1e17, 1e18, 1e19}, 6, 0.01, 1), kTruth);
  EXPECT_FALSE(noise.replicate_sigma.has_value());
  EXPECT_FALSE(noise.lack_of_fit_ratio.has_value());
  EXPECT_FALSE(lack_of_fit(noise).has_value());
  EXPECT_FALSE(noise.evaluation_sigma.has_value());
}

TEST(Noise, AnEvaluationErrorAboveTheScatterIsSharedByAllRows) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 8, 0.002, 1);
  for (Observation& row : rows) row.loss_error = 0.006 * row.loss;
  const NoiseEstimate large = estimate_noise(rows, kTruth);
  EXPECT_NEAR(*large.evaluation_sigma, 0.006, 1e-12);
  EXPECT_TRUE(large.evaluation_shared);
  for (Observation& row : rows) row.loss_error = 0.001 * row.loss;
  EXPECT_FALSE(estimate_noise(rows, kTruth).evaluation_shared);
}

double width_of(const std::vector<Observation>& rows, BootstrapKind kind) {
  const Bootstrap drawn = bootstrap(rows, fit_parametric(rows), {.kind = kind, .draws = 200});
  std::vector<double> n;
  for (const LawParameters& law : drawn.draws) n.push_back(std::log(true_optimum(1e22, law)));
  std::sort(n.begin(), n.end());
  return n[189] - n[9];
}

// What three copies of a point share is not averaged away by copying it.
TEST(Noise, CopiesOfRowsDoNotNarrowTheRowBootstrap) {
  const auto once = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.004, 8);
  std::vector<Observation> thrice;
  for (const Observation& row : once) thrice.insert(thrice.end(), 3, row);
  EXPECT_NEAR(width_of(thrice, BootstrapKind::kRow) / width_of(once, BootstrapKind::kRow), 1, 1e-6);
  EXPECT_NEAR(width_of(thrice, BootstrapKind::kWild) / width_of(once, BootstrapKind::kWild), 1,
              0.25);  // the factor n / (n - 5) is another
}

TEST(Noise, RunsAreDrawnWholeAndRowsWithoutRunsAreSaidToBePoints) {
  auto rows = isoflop_grid({1e17, 1e18, 1e19, 1e20}, 6, 0.004, 8);
  const ParametricFit fit = fit_parametric(rows);
  const Bootstrap alone = bootstrap(rows, fit, {.kind = BootstrapKind::kRun, .draws = 3});
  EXPECT_EQ(alone.kind, BootstrapKind::kRow);
  ASSERT_EQ(alone.warnings.size(), 1u);
  EXPECT_EQ(alone.warnings[0].code, "no_runs");
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].run = std::to_string(i % 8);
  const Bootstrap runs = bootstrap(rows, fit, {.kind = BootstrapKind::kRun, .draws = 3});
  EXPECT_EQ(runs.kind, BootstrapKind::kRun);
  EXPECT_EQ(runs.units, 8);
  EXPECT_TRUE(runs.warnings.empty());
}

}  // namespace
}  // namespace isoflop
