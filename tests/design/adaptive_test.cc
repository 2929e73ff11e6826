#include "design/adaptive.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "core/error.h"
#include "design/adaptive_start.h"
#include "design/cell_points.h"
#include "design/law_belief.h"
#include "design/shared_noise.h"
#include "design/stop_guards.h"
#include "fit/check_observations.h"
#include "fit/parametric_fit.h"
#include "fit/simulate.h"
#include "law/optimum.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

constexpr double kGoal = 1e22;
constexpr double kShare = 0.8;  // of D before the branch

CandidateCell cell_of(std::int64_t id, double params, double tokens, const std::string& trunk = "",
                      std::int64_t seed = 1) {
  return {.id = id,
          .params = params,
          .tokens = tokens,
          .flops_per_token = 6 * params,
          .seed = seed,
          .trunk = trunk,
          .branch_tokens = trunk.empty() ? 0 : kShare * tokens};
}

// Budgets 1e18 to 1e20, sizes a factor 2 apart, a trunk for each size and seed.
std::vector<CandidateCell> planned_cells(int seeds, bool trunks = true) {
  std::vector<CandidateCell> cells;
  for (int seed = 0; seed < seeds; ++seed) {
    for (double n = 3e7; n < 4e9; n *= 2) {
      for (const double budget : {1e18, 3e18, 1e19, 3e19, 1e20}) {
        const double d = budget / (6 * n);
        if (d < n || d > 700 * n) continue;
        const std::string trunk = std::to_string(n) + " " + std::to_string(seed);
        cells.push_back(
            cell_of(static_cast<std::int64_t>(cells.size()), n, d, trunks ? trunk : "", seed));
      }
    }
  }
  return cells;
}

Observation trained(const CandidateCell& cell, double loss) {
  Observation row;
  row.params = cell.params;
  row.tokens = cell.tokens;
  row.flops = cell.flops_per_token * cell.tokens;
  row.loss = loss;
  row.seed = cell.seed;
  row.trial = std::to_string(cell.id);
  row.run = cell.trunk;
  return row;
}

double lawful(const CandidateCell& cell) { return predict_loss(kTruth, cell.params, cell.tokens); }

struct Swept {
  AdaptiveStep last;
  double flops = 0;
  int looks = 0;
  std::vector<Observation> rows;
  std::vector<std::int64_t> order;
};

template <typename Loss>
Swept sweep(std::vector<CandidateCell> cells, const AdaptiveOptions& options, const Loss& loss) {
  Swept out;
  for (;;) {
    out.last = next_batch(cells, out.rows, options, out.last.memory);
    ++out.looks;
    if (out.last.stop || out.looks > 60) return out;
    out.flops += out.last.next_flops;
    for (const std::int64_t id : out.last.next) {
      CandidateCell& cell = cells[static_cast<std::size_t>(id)];
      EXPECT_EQ(cell.state, CellState::kOpen) << "cell " << id << " was chosen twice";
      cell.state = CellState::kDone;
      out.order.push_back(id);
      out.rows.push_back(trained(cell, loss(cell)));
    }
  }
}

double noisy(const CandidateCell& cell, double noise, std::uint64_t world) {
  SplitMix64 random(splitmix64(world * 1000 + static_cast<std::uint64_t>(cell.id)));
  return lawful(cell) * std::exp(noise * normal(random));
}

AdaptiveOptions options_of(double until) {
  return {.target_flops = kGoal, .until = until, .draws = 60};
}

TEST(TrunkLedger, ATrunkIsPaidForOnceInTheOrderOfItsBranches) {
  std::vector<CandidateCell> cells = {cell_of(0, 10, 1000, "t"), cell_of(1, 10, 2000, "t"),
                                      cell_of(2, 10, 4000, "t"), cell_of(3, 10, 4000)};
  EXPECT_THAT(marginal_costs(cells),
              testing::ElementsAre(60 * 1000, 60 * 2000, 60 * 4000, 60 * 4000));
  TrunkLedger ledger(cells);
  double sum = 0;
  for (const int i : {2, 0, 1}) {
    sum += ledger.price(cells[static_cast<std::size_t>(i)]);
    ledger.choose(cells[static_cast<std::size_t>(i)]);
  }
  // f (c sum D + (1 - c) D_max), as sweep/cost.h has it.
  EXPECT_NEAR(sum, 60 * ((1 - kShare) * 7000 + kShare * 4000), 1e-6);
  for (CandidateCell& cell : cells) cell.state = CellState::kDone;
  EXPECT_NEAR(spent_flops(cells), sum + 60 * 4000, 1e-6);
}

TEST(TrunkLedger, AStateIsOfUseToLongerTrialsOnly) {
  std::vector<CandidateCell> cells = {cell_of(0, 10, 1000, "t"), cell_of(1, 10, 2000, "t"),
                                      cell_of(2, 10, 4000, "t"), cell_of(3, 10, 4000, "u")};
  cells[1].state = CellState::kDone;
  const auto costs = marginal_costs(cells);
  EXPECT_EQ(costs[0], 60 * 1000);  // its branch lies before what is kept
  EXPECT_EQ(costs[1], 0);
  EXPECT_EQ(costs[2], 60 * (4000 - kShare * 2000));
  EXPECT_EQ(costs[3], 60 * 4000);
}

TEST(CellPoints, SeedsAndRoundingAreOnePointAndFoundRowsAreItsRuns) {
  std::vector<CandidateCell> cells = {cell_of(0, 1e8, 2e9), cell_of(1, 1e8 * (1 + 1e-12), 2e9),
                                      cell_of(2, 1e8, 3e9), cell_of(3, 1e8, 3e9)};
  cells[2].state = CellState::kRunning;
  cells[3].state = CellState::kLost;
  const std::vector<Observation> done = {trained(cells[0], 3)};
  const auto points = points_of(cells, done);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].runs.size(), 1u);
  EXPECT_EQ(points[0].cells.size(), 2u);
  EXPECT_EQ(points[1].runs.size(), 1u);
  EXPECT_TRUE(points[1].cells.empty());
}

// The oracle: many outcomes, each fitted by least squares (a Huber delta far above the noise), and
// the scatter of ln N*. 300 outcomes give a standard deviation to 4 %, so 15 % is beyond chance
// and leaves room for what is not linear.
struct Refits {
  double expected = 0;
  double found = 0;
};

Refits refits_of(const std::vector<Observation>& design, double rho) {
  constexpr double kSmall = 1e-3;
  constexpr int kOutcomes = 300;
  LawBelief belief(kTruth, FlopsPerToken::six_n(), kGoal, kSmall);
  for (std::size_t i = 0; i < design.size(); ++i) {
    LawBelief::Row row{.gradient = belief.gradient(design[i].params, design[i].tokens),
                       .variance = kSmall * kSmall};
    for (std::size_t j = 0; j < i; ++j) {
      if (rho == 0 || design[j].run != design[i].run) continue;
      const double k =
          kSmall * kSmall * shared_correlation(design[i].tokens, design[j].tokens, rho);
      const LawVector g = belief.gradient(design[j].params, design[j].tokens);
      for (std::size_t m = 0; m < kLawSize; ++m) row.shared[m] += k * g[m];
    }
    belief.learn(row);
  }
  Refits out{.expected = std::sqrt(belief.variance())};
  SplitMix64 random(11);
  double sum = 0, squares = 0;
  for (int k = 0; k < kOutcomes; ++k) {
    std::vector<Observation> rows = design;
    double e = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool goes_on = i > 0 && rho > 0 && rows[i].run == rows[i - 1].run;
      const double r = goes_on ? shared_correlation(rows[i].tokens, rows[i - 1].tokens, rho) : 0;
      e = r * e + std::sqrt(1 - r * r) * normal(random);
      rows[i].loss = predict_loss(kTruth, rows[i].params, rows[i].tokens) * std::exp(kSmall * e);
    }
    const ParametricFit fit = fit_parametric(
        rows, {.huber_delta = 1, .starts = Starts::kGiven, .given = {kTruth}, .threads = 1});
    const double z =
        std::log(compute_optimum(fit.parameters, FlopsPerToken::six_n(), kGoal).params);
    sum += z;
    squares += z * z;
  }
  out.found = std::sqrt(squares / kOutcomes - std::pow(sum / kOutcomes, 2));
  return out;
}

// Four sizes, five D each, ascending; the rows of a size are of one run.
std::vector<Observation> small_design() {
  std::vector<Observation> rows;
  for (const double n : {5e7, 2e8, 8e8, 3.2e9}) {
    for (double d = 2e9; d < 4e10; d *= 2) {
      rows.push_back(
          trained(cell_of(static_cast<std::int64_t>(rows.size()), n, d, std::to_string(n)), 1));
    }
  }
  return rows;
}

TEST(LawBelief, ExpectsTheScatterThatRefitsOfManyOutcomesShow) {
  const Refits refits = refits_of(small_design(), 0);
  EXPECT_NEAR(refits.found / refits.expected, 1, 0.15);
}

TEST(LawBelief, KnowsWhatSharedNoiseDoesToTheFit) {
  // As in an IsoFLOP grid the larger sizes see fewer tokens, so that a size's error is one of N.
  std::vector<Observation> design;
  for (const auto& [n, first] : {std::pair{5e7, 1.6e10}, {1e8, 8e9}, {2e8, 4e9}, {4e8, 2e9}}) {
    for (double d = first; d < 5 * first; d *= 1.5) {
      design.push_back(
          trained(cell_of(static_cast<std::int64_t>(design.size()), n, d, std::to_string(n)), 1));
    }
  }
  const Refits alone = refits_of(design, 0);
  const Refits shared = refits_of(design, 0.8);
  EXPECT_NEAR(shared.found / shared.expected, 1, 0.15);
  EXPECT_GT(shared.expected, 1.15 * alone.expected);  // so the test is about something
}

TEST(LawBelief, ForeseesARowExactlyAsItLearnsIt) {
  LawBelief belief(kTruth, FlopsPerToken::six_n(), kGoal, 2e-3);
  double before = belief.variance();
  for (const Observation& o : small_design()) {
    const LawBelief::Row row{.gradient = belief.gradient(o.params, o.tokens), .variance = 4e-6};
    const double foreseen = belief.variance_with(row);
    belief.learn(row);
    EXPECT_NEAR(belief.variance(), foreseen, 1e-6 * before);
    EXPECT_LT(belief.variance(), before * (1 + 1e-9));
    before = belief.variance();
  }
}

TEST(SharedNoise, WideningIsOneForRunsOfTheirOwnAndMoreWhereSizesShareAnError) {
  std::vector<Observation> rows = small_design();
  const auto factor = [&](double rho) {
    return widening(rows, kTruth, FlopsPerToken::six_n(), kGoal, rho);
  };
  EXPECT_EQ(factor(0), 1);
  EXPECT_GT(factor(0.8), factor(0.4));
  EXPECT_GT(factor(0.4), 1);
  for (Observation& row : rows) row.run.clear();
  EXPECT_EQ(factor(0.8), 1);
}

TEST(AdaptiveStart, TheFirstBatchIsAlwaysFittableAndCheap) {
  for (const int sizes : {3, 4, 9}) {
    for (const int counts : {3, 5}) {
      std::vector<CandidateCell> cells;
      for (const double n : log_spaced(1e5, 1e7, sizes)) {
        for (const double d : log_spaced(1e7, 1e9, counts)) {
          cells.push_back(cell_of(static_cast<std::int64_t>(cells.size()), n, d));
        }
      }
      const AdaptiveStep step = next_batch(cells, {}, options_of(1.3));
      EXPECT_EQ(step.status, AdaptiveStatus::kStart);
      std::vector<Observation> rows;
      double all = 0;
      for (const CandidateCell& cell : cells) all += alone_flops(cell);
      for (const std::int64_t id : step.next) {
        rows.push_back(trained(cells[static_cast<std::size_t>(id)],
                               lawful(cells[static_cast<std::size_t>(id)])));
      }
      EXPECT_TRUE(can_be_fitted(rows)) << sizes << " sizes, " << counts << " token counts";
      if (sizes == 9) {
        EXPECT_LT(step.next_flops, 0.3 * all);
      }
      std::vector<CandidateCell> after = cells;
      for (const std::int64_t id : step.next) {
        after[static_cast<std::size_t>(id)].state = CellState::kDone;
      }
      EXPECT_TRUE(next_batch(after, rows, options_of(1.3)).has_law);
    }
  }
}

TEST(Adaptive, StopsAtTheWidthAskedForAndSpendsLessThanTheGrid) {
  const auto cells = planned_cells(3);
  const Swept swept =
      sweep(cells, options_of(1.6), [](const auto& cell) { return noisy(cell, 0.002, 1); });
  EXPECT_EQ(swept.last.status, AdaptiveStatus::kReached) << swept.last.why;
  EXPECT_LE(swept.last.width, 1.6);
  EXPECT_GE(swept.rows.size(), 12u);
  std::vector<CandidateCell> all = cells;
  for (CandidateCell& cell : all) cell.state = CellState::kDone;
  EXPECT_LT(swept.flops, 0.3 * spent_flops(all));
  EXPECT_GE(swept.flops, swept.last.spent_flops * (1 - 1e-9));
  EXPECT_LE(swept.last.spent_flops, swept.last.alone_flops);
}

TEST(Adaptive, ANarrowerWidthCostsMore) {
  const auto run = [](double until) {
    return sweep(planned_cells(4), options_of(until),
                 [](const auto& cell) { return noisy(cell, 0.002, 2); })
        .flops;
  };
  EXPECT_GT(run(1.35), 1.5 * run(3));
}

TEST(Adaptive, TheSameArgumentsGiveTheSameBatchWhateverTheThreads) {
  const auto run = [](int threads) {
    AdaptiveOptions options = options_of(1.6);
    options.threads = threads;
    return sweep(planned_cells(3), options, [](const auto& cell) { return noisy(cell, 0.002, 3); });
  };
  const Swept one = run(1);
  const Swept two = run(2);
  EXPECT_EQ(one.order, two.order);
  EXPECT_EQ(one.last.width, two.last.width);
}

TEST(Adaptive, BuysFurtherSeedsOfCheapCellsWhereNoiseNeedsThem) {
  const Swept swept = sweep(planned_cells(5, false), options_of(1.5),
                            [](const auto& cell) { return noisy(cell, 0.004, 4); });
  std::set<std::pair<double, double>> points;
  for (const Observation& row : swept.rows) points.emplace(row.params, row.tokens);
  EXPECT_LT(points.size(), swept.rows.size());
  EXPECT_GT(points.size(), 8u);
}

TEST(Adaptive, KeepsPartOfTheSpendingOnTheLargestRuns) {
  const Swept swept = sweep(planned_cells(3), options_of(1.6),
                            [](const auto& cell) { return noisy(cell, 0.002, 5); });
  ASSERT_EQ(swept.last.status, AdaptiveStatus::kReached);
  int large = 0;
  for (const Observation& row : swept.rows) {
    large += row.flops >= 0.1 * swept.last.spent_flops ? 1 : 0;
  }
  EXPECT_GE(large, 3);
}

TEST(Adaptive, DoesNotStopFarFromTheTargetWhileTheGridHasLargerRuns) {
  AdaptiveOptions options = options_of(3);
  for (const double target : {1e22, 1e25}) {
    options.target_flops = target;
    const Swept swept =
        sweep(planned_cells(3), options, [](const auto& cell) { return noisy(cell, 0.001, 5); });
    ASSERT_EQ(swept.last.status, AdaptiveStatus::kReached) << swept.last.why;
    // 1 / 3,000 of 1e22; for 1e25 the grid has nothing that large, and near its top is enough.
    const double least = target == 1e22 ? 1e22 / 3000 : 3e19;
    int near = 0;
    for (const Observation& row : swept.rows) near += row.flops >= 0.99 * least ? 1 : 0;
    EXPECT_GE(near, 3) << target;
  }
}

TEST(Adaptive, ALawThatTheRunsContradictIsNeverCalledReached) {
  // Whatever is scarcer decides: no sum of two powers.
  const auto scarce = [](const CandidateCell& cell) {
    SplitMix64 random(splitmix64(static_cast<std::uint64_t>(cell.id)));
    return (1.8 +
            std::max(482 / std::pow(cell.params, 0.3478), 2085 / std::pow(cell.tokens, 0.3658))) *
           std::exp(0.001 * normal(random));
  };
  const Swept swept = sweep(planned_cells(3, false), options_of(1.5), scarce);
  EXPECT_NE(swept.last.status, AdaptiveStatus::kReached);
  EXPECT_TRUE(swept.last.stop);
  EXPECT_FALSE(swept.last.guards.empty());
}

TEST(Adaptive, LostCellsAreNotProposedAndRunningOnesCount) {
  auto cells = planned_cells(2);
  for (CandidateCell& cell : cells) {
    if (cell.params > 1e9) cell.state = CellState::kLost;
  }
  const AdaptiveStep first = next_batch(cells, {}, options_of(1.5));
  for (const std::int64_t id : first.next) {
    EXPECT_LT(cells[static_cast<std::size_t>(id)].params, 1e9);
    cells[static_cast<std::size_t>(id)].state = CellState::kRunning;
  }
  const AdaptiveStep second = next_batch(cells, {}, options_of(1.5));
  EXPECT_EQ(second.status, AdaptiveStatus::kWait);
  EXPECT_FALSE(second.stop);
  EXPECT_TRUE(second.next.empty());
  EXPECT_NEAR(second.spent_flops, first.next_flops, 1e-6 * first.next_flops);
}

TEST(Adaptive, SpendsNoMoreThanItMay) {
  AdaptiveOptions options = options_of(1.01);
  options.most_flops = 1e20;
  const Swept swept =
      sweep(planned_cells(2), options, [](const auto& cell) { return noisy(cell, 0.004, 6); });
  EXPECT_EQ(swept.last.status, AdaptiveStatus::kExhausted);
  EXPECT_LE(swept.flops, 1e20);
  EXPECT_GT(swept.flops, 3e19);
}

TEST(Adaptive, RefusesWhatCannotAnswerAndNamesWhatIsMalformed) {
  const auto code_of = [](const std::vector<CandidateCell>& cells, const AdaptiveOptions& options) {
    try {
      next_batch(cells, {}, options);
    } catch (const Error& error) {
      return std::pair{error.exit_code(), error.code()};
    }
    return std::pair{0, std::string()};
  };
  const auto refused = [](const char* code) { return std::pair{3, std::string(code)}; };
  const auto usage = std::pair{2, std::string()};
  EXPECT_EQ(code_of({}, options_of(1.3)), refused("no_candidates"));
  EXPECT_EQ(code_of({cell_of(0, 1e8, 1e9), cell_of(1, 2e8, 1e9)}, options_of(1.3)),
            refused("cannot_determine"));
  EXPECT_EQ(code_of({cell_of(0, 1e8, 1e9), cell_of(0, 2e8, 1e9)}, options_of(1.3)), usage);
  EXPECT_EQ(code_of({cell_of(0, -1e8, 1e9)}, options_of(1.3)), usage);
  EXPECT_EQ(code_of(planned_cells(1), options_of(1)), usage);
  EXPECT_EQ(code_of(planned_cells(1), AdaptiveOptions{}), usage);
}

// A smoke check only: bench_sweep_cost measures coverage.
TEST(Adaptive, TheReportedIntervalHoldsTheTruthMostly) {
  constexpr int kWorlds = 12;
  int inside = 0;
  for (int world = 0; world < kWorlds; ++world) {
    const Swept swept = sweep(planned_cells(3, false), options_of(1.6), [&](const auto& cell) {
      return noisy(cell, 0.002, 100 + static_cast<std::uint64_t>(world));
    });
    const double truth = true_optimum(kGoal);
    inside += *swept.last.params.low <= truth && truth <= *swept.last.params.high ? 1 : 0;
  }
  EXPECT_GE(inside, 8);  // P(fewer of 12 | 90 %) is below 0.5 %
}

}  // namespace
}  // namespace isoflop
