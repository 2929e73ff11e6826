#include "fit/influence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "fit/parametric_fit.h"
#include "tests/fit/measured.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Influence influence_of(const std::vector<Observation>& rows, double budget = 0, int threads = 0) {
  const ParametricFit fit = fit_parametric(rows);
  return find_influence(rows, fit.parameters, {.budget = budget, .threads = threads});
}

std::set<std::int64_t> named_rows(const Influence& influence) {
  std::set<std::int64_t> rows;
  for (const InfluentialRow& row : influence.rows) rows.insert(row.row);
  return rows;
}

// Rows 0 to 4 are the five that Besiroglu et al. (2024) left out of their 245.
TEST(Influence, FindsTheFiveRowsThatTheReplicationLeftOutWithoutBeingToldOfThem) {
  const std::vector<Observation> rows = extracted_points(0);
  if (rows.empty()) GTEST_SKIP() << "measured tables are not beside this checkout";
  const Influence found = influence_of(rows, 5.76e23);
  const std::set<std::int64_t> named = named_rows(found);
  for (std::int64_t row = 0; row < 5; ++row) EXPECT_TRUE(named.contains(row)) << row;
  EXPECT_LE(named.size(), 11u);
  for (const InfluentialRow& row : found.rows) EXPECT_LT(row.tokens_per_param(), 1);
  EXPECT_NEAR(found.with.params, 119e9, 1e9);
  const InfluentialRow& fifth = found.rows.at(4);
  EXPECT_NEAR(fifth.params, 73.2e9, 0.3e9) << "the optimum of the 240";
  EXPECT_NEAR(fifth.params_ratio, fifth.params / found.with.params, 1e-12);
  EXPECT_NEAR(found.with.objective, 1.826e-3, 1e-6);
}

TEST(Influence, NamesNothingInTheCleanPart) {
  const std::vector<Observation> rows = extracted_points(5);
  if (rows.empty()) GTEST_SKIP() << "measured tables are not beside this checkout";
  const Influence found = influence_of(rows, 5.76e23);
  EXPECT_THAT(found.rows, SizeIs(::testing::Le(2u)));
  EXPECT_THAT(warnings_of(found), SizeIs(found.rows.empty() ? 0 : 1));
}

TEST(Influence, NamesNothingOnSimulatedGrids) {
  int named = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 7, 0.003, seed);
    named += static_cast<int>(influence_of(rows).rows.size());
  }
  EXPECT_EQ(named, 0) << "normal noise has lighter tails than the null distribution";
}

// A tenth of the rows lies off together, all at one corner of the design, where they can bend the
// law to themselves: deletion of single rows would not show them.
TEST(Influence, FindsAGroupThatHidesItself) {
  for (const double shift : {0.06, -0.06}) {
    std::vector<Observation> rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 10, 0.001, 4);
    std::set<std::int64_t> spoilt;
    for (Observation& row : rows) {
      if (row.row % 10 != 9) continue;  // the largest size of each budget
      row.loss *= std::exp(shift);
      spoilt.insert(row.row);
    }
    const Influence found = influence_of(rows);
    EXPECT_EQ(named_rows(found), spoilt) << shift;
    const double truth = true_optimum(found.budget);
    EXPECT_NEAR(found.without.params / truth, 1, 0.15);
    EXPECT_GT(std::abs(std::log(found.with.params / truth)),
              std::abs(std::log(found.without.params / truth)));
  }
}

// One run far beyond the others holds the law by itself: its residual is nothing.
TEST(Influence, FindsARowThatTheFitLeansOn) {
  std::vector<Observation> rows = isoflop_grid({1e17, 1e18, 1e19}, 7, 0.001, 5, 3);
  Observation far{.params = 1e11, .tokens = 2e12, .flops = 1.2e24, .loss = 2.6};
  far.row = static_cast<std::int64_t>(rows.size());
  rows.push_back(far);
  EXPECT_THAT(named_rows(influence_of(rows)), UnorderedElementsAre(far.row));
}

TEST(Influence, LossesWithoutNoiseAreNoTrouble) {
  const Influence found = influence_of(isoflop_grid({1e18, 1e19, 1e20, 1e21}, 7, 0, 1));
  EXPECT_THAT(found.rows, IsEmpty());
  EXPECT_TRUE(std::isfinite(found.cutoff));
}

TEST(Influence, IsTheSameOnOneThreadAndOnTwo) {
  std::vector<Observation> rows = isoflop_grid({1e18, 1e19, 1e20}, 7, 0.002, 6);
  rows[3].loss *= 1.1;
  const Influence one = influence_of(rows, 1e22, 1);
  EXPECT_EQ(one, influence_of(rows, 1e22, 2));
  EXPECT_THAT(one.rows, SizeIs(1));
}

TEST(Influence, FewRowsAreNotSearchedAndAWrongFormNamesNoRows) {
  const auto few = isoflop_grid({1e18, 1e19}, 5, 0.001, 7);
  EXPECT_THAT(influence_of(few).rows, IsEmpty());
  EXPECT_NE(influence_of(few).why_not, "");
  std::vector<Observation> broken = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 10, 0.0005, 8);
  for (Observation& row : broken) {
    if (row.row % 3 == 0) row.loss *= 1.2;  // a third of the rows: two sweeps in one table
  }
  const Influence found = influence_of(broken);
  EXPECT_THAT(found.rows, IsEmpty());
  ASSERT_THAT(warnings_of(found), SizeIs(1));
  EXPECT_EQ(warnings_of(found)[0].code, "form_misfit");
}

}  // namespace
}  // namespace isoflop
