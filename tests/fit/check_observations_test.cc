#include "fit/check_observations.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"
#include "tests/fit/measured.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<Observation> good_rows() { return isoflop_grid({1e17, 1e18, 1e19}, 5, 0.001, 1); }

std::vector<Warning> check(const std::vector<Observation>& rows) {
  return check_observations(rows, "runs.csv", FlopsPerToken::six_n());
}

std::string refusal_code(const std::vector<Observation>& rows) {
  try {
    check(rows);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRefused);
    return error.code();
  }
  return "accepted";
}

// The message of a usage error; empty when the rows are not malformed.
std::string complaint(const std::vector<Observation>& rows) {
  try {
    check(rows);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kUsage ? error.what() : "";
  }
  return "";
}

bool has(const std::vector<Warning>& warnings, const std::string& code) {
  return std::any_of(warnings.begin(), warnings.end(),
                     [&](const Warning& w) { return w.code == code; });
}

TEST(CheckObservations, AGoodGridHasNoWarnings) { EXPECT_THAT(check(good_rows()), IsEmpty()); }

TEST(CheckObservations, ABadValueIsNamedWithItsRowAndColumn) {
  const double bad[] = {0, -1, std::numeric_limits<double>::quiet_NaN(),
                        std::numeric_limits<double>::infinity()};
  double Observation::*const columns[] = {&Observation::params, &Observation::tokens,
                                          &Observation::flops, &Observation::loss};
  const char* names[] = {"params", "tokens", "flops", "loss"};
  for (std::size_t c = 0; c < 4; ++c) {
    for (const double value : bad) {
      std::vector<Observation> rows = good_rows();
      rows[6].*columns[c] = value;
      try {
        check(rows);
        ADD_FAILURE() << names[c] << " = " << value << " was accepted";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_THAT(error.what(),
                    AllOf(HasSubstr("runs.csv"), HasSubstr("data row 6"), HasSubstr(names[c])));
      }
    }
  }
}

TEST(CheckObservations, ATableWithoutFlopsIsFine) {
  std::vector<Observation> rows = good_rows();
  for (Observation& row : rows) row.flops = 0;
  EXPECT_THAT(check(rows), IsEmpty());
}

TEST(CheckObservations, FivePointsAreTooFewHoweverOftenTheyAreRepeated) {
  std::vector<Observation> rows = good_rows();
  rows.resize(5);
  EXPECT_EQ(refusal_code(rows), "too_few_rows");
  for (int i = 0; i < 5; ++i) {
    rows.push_back(rows[static_cast<std::size_t>(i)]);
    rows.back().seed = 1;
  }
  EXPECT_EQ(refusal_code(rows), "too_few_rows");
  EXPECT_EQ(refusal_code({}), "too_few_rows");
}

TEST(CheckObservations, OneSizeOneTokenCountAndOneLossAreRefused) {
  std::vector<Observation> one_size = good_rows();
  std::vector<Observation> one_token_count = good_rows();
  std::vector<Observation> one_loss = good_rows();
  for (std::size_t i = 0; i < one_loss.size(); ++i) {
    one_size[i].params = 1e8;
    one_size[i].tokens = 1e9 * static_cast<double>(i + 1);
    one_token_count[i].tokens = 1e11;
    one_loss[i].loss = 3;
    one_size[i].flops = one_token_count[i].flops = 0;
  }
  EXPECT_EQ(refusal_code(one_size), "one_size");
  EXPECT_EQ(refusal_code(one_token_count), "one_token_count");
  EXPECT_EQ(refusal_code(one_loss), "constant_loss");
  one_size[3].params = 2e8;
  one_token_count[3].tokens = 2e11;
  EXPECT_EQ(refusal_code(one_size), "two_sizes");
  EXPECT_EQ(refusal_code(one_token_count), "two_token_counts");
  one_size[4].params = 3e8;
  for (std::size_t i = 0; i < one_size.size(); ++i) {
    one_size[i].loss = predict_loss(kTruth, one_size[i].params, one_size[i].tokens);
  }
  EXPECT_EQ(refusal_code(one_size), "accepted");
}

TEST(CheckObservations, OneBudgetIsRefusedHoweverManySizesItHas) {
  EXPECT_EQ(refusal_code(isoflop_grid({1e18}, 12, 0.001, 1)), "one_budget");
  EXPECT_EQ(refusal_code(isoflop_grid({1e18, 1.4e18}, 12, 0.001, 1)), "one_budget");
  EXPECT_EQ(refusal_code(isoflop_grid({1e18, 1e19}, 12, 0.001, 1)), "accepted");
}

TEST(CheckObservations, ALadderOfOneRatioIsRefusedHoweverFarItReaches) {
  std::vector<Observation> ladder;
  for (int i = 0; i < 14; ++i) {
    const double params = 5e7 * std::pow(1.45, i), tokens = 20 * params * (i % 2 ? 1 : 1.3);
    ladder.push_back({.params = params, .tokens = tokens, .flops = 6 * params * tokens});
    ladder.back().loss = predict_loss(kTruth, params, tokens);
  }
  EXPECT_EQ(refusal_code(ladder), "one_ratio");
  ladder[3].tokens *= 2;
  ladder[3].flops *= 2;
  ladder[3].loss = predict_loss(kTruth, ladder[3].params, ladder[3].tokens);
  EXPECT_EQ(refusal_code(ladder), "accepted");
}

TEST(CheckObservations, SwappedColumnsAreRefusedUnlessTheRunsAreLikeThat) {
  std::vector<Observation> rows = good_rows();
  for (Observation& row : rows) std::swap(row.params, row.tokens);
  EXPECT_EQ(refusal_code(rows), "swapped_columns");
  EXPECT_NO_THROW(
      check_observations(rows, "runs.csv", FlopsPerToken::six_n(), {.allow_few_tokens = true}));
}

TEST(CheckObservations, MeasuredTablesAreAcceptedAsTheyAreButNotSwapped) {
  const auto tables = measured_tables();
  if (tables.empty()) GTEST_SKIP() << "measured tables are not beside this checkout";
  EXPECT_GE(tables.size(), 20u);
  for (const auto& [name, rows] : tables) {
    EXPECT_EQ(complaint(rows), "") << name;
    EXPECT_EQ(refusal_code(rows), "accepted") << name;
    std::vector<Observation> swapped = rows;
    for (Observation& row : swapped) std::swap(row.params, row.tokens);
    EXPECT_EQ(refusal_code(swapped), "swapped_columns") << name;
  }
}

TEST(CheckObservations, AnExactRepeatNamesBothRowsAndWhatToDo) {
  std::vector<Observation> rows = good_rows();
  rows.push_back(rows[2]);
  rows.back().row = 15;
  EXPECT_THAT(complaint(rows), AllOf(HasSubstr("data row 15 repeats data row 2"),
                                     HasSubstr("--exclude 15 --because")));
  rows.back().extra["experts"] = 8;
  EXPECT_EQ(complaint(rows), "");
  rows.back().extra.clear();
  rows.back().seed = 1;
  EXPECT_FALSE(has(check(rows), "duplicate_rows"));
}

TEST(CheckObservations, TheSameRunUnderAnotherNameIsWarnedOf) {
  std::vector<Observation> rows = good_rows();
  rows.push_back(rows[2]);
  rows.back().run = "evaluated again";
  EXPECT_TRUE(has(check(rows), "duplicate_rows"));
}

// Each column in other units for some rows, as tables are pasted together.
struct UnitSlip {
  const char* what;
  const char* said;
  void (*slip)(Observation&);
};

const UnitSlip kUnitSlips[] = {
    {"params in millions, C from elsewhere", "flops", [](Observation& o) { o.params /= 1e6; }},
    {"tokens in billions", "flops", [](Observation& o) { o.tokens /= 1e9; }},
    {"tokens in thousands", "flops", [](Observation& o) { o.tokens /= 1e3; }},
    {"C in PF-days", "flops", [](Observation& o) { o.flops /= 8.64e19; }},
    {"C in TFLOP", "flops", [](Observation& o) { o.flops /= 1e12; }},
    {"params in millions, C by them", "params",
     [](Observation& o) {
       o.params /= 1e6;
       o.flops = 6 * o.params * o.tokens;
     }},
    {"tokens in billions, no C", "tokens / params",
     [](Observation& o) {
       o.tokens /= 1e9;
       o.flops = 6 * o.params * o.tokens;
     }},
    {"bits", "bits", [](Observation& o) { o.loss /= std::log(2.0); }},
    {"perplexities", "perplexities", [](Observation& o) { o.loss = std::exp(o.loss); }},
};

std::vector<std::vector<Observation>> tables_to_spoil() {
  std::vector<std::vector<Observation>> tables = {
      isoflop_grid({1e17, 1e18, 1e19}, 7, 0.002, 1),
      isoflop_grid({1e19, 3e19, 1e20, 1e21}, 9, 0.004, 2)};
  if (!extracted_points(5).empty()) tables.push_back(extracted_points(5));
  return tables;
}

TEST(CheckObservations, MixedUnitsAreMalformedInAThirdOfTheRowsAndInASeventh) {
  for (const std::vector<Observation>& rows : tables_to_spoil()) {
    for (const UnitSlip& unit : kUnitSlips) {
      for (const std::size_t step : {3u, 7u}) {
        std::vector<Observation> spoilt = rows;
        for (std::size_t i = 2; i < spoilt.size(); i += step) unit.slip(spoilt[i]);
        EXPECT_THAT(complaint(spoilt), AllOf(HasSubstr("data row "), HasSubstr(unit.said)))
            << unit.what << " in every " << step << "th of " << rows.size();
      }
    }
  }
}

TEST(CheckObservations, LossesOfWhichHalfAreInOtherUnitsAreMalformed) {
  for (const bool bits : {true, false}) {
    std::vector<Observation> rows = isoflop_grid({1e18, 1e19, 1e20, 1e21}, 7, 0.002, 3);
    for (std::size_t i = 0; i < rows.size(); i += 2) {
      rows[i].loss = bits ? rows[i].loss / std::log(2.0) : std::exp(rows[i].loss);
    }
    EXPECT_THAT(complaint(rows),
                AllOf(HasSubstr("13 rows more"), HasSubstr(bits ? "in bits" : "perplexities")));
  }
}

TEST(CheckObservations, CleanTablesOfManyKindsAreNotTakenForMixed) {
  SplitMix64 random(7);
  const auto between = [&](double low, double high) {
    return low * std::pow(high / low, random.uniform());
  };
  for (int k = 0; k < 400; ++k) {
    const LawParameters law = {.E = between(0.3, 3),
                               .A = between(50, 5000),
                               .B = between(50, 20000),
                               .alpha = between(0.2, 0.5),
                               .beta = between(0.2, 0.5)};
    std::vector<double> budgets;
    const double step = between(1.8, 20);
    for (int b = 0; b < 3 + k % 4; ++b) budgets.push_back(1e17 * std::pow(step, b));
    const auto rows = isoflop_grid(budgets, 4 + k % 7, between(1e-4, 0.03),
                                   static_cast<std::uint64_t>(k), between(1.5, 30), law);
    EXPECT_EQ(complaint(rows), "") << k;
  }
}

// A convention that is read off the table's own C takes any C for granted.
TEST(CheckObservations, ForeignFlopsAreSeenWhateverTheConvention) {
  std::vector<Observation> rows = good_rows();
  rows[4].flops /= 1e12;
  std::vector<std::pair<double, double>> nodes;
  for (const Observation& row : rows) nodes.emplace_back(row.params, row.flops / row.tokens);
  EXPECT_THROW(check_observations(rows, "runs.csv", FlopsPerToken::from_nodes("exact", nodes)),
               Error);
}

TEST(CheckObservations, TheRowInOtherUnitsIsTheOneNamed) {
  std::vector<Observation> rows = good_rows();
  rows[4].loss /= std::log(2.0);
  EXPECT_THAT(complaint(rows), AllOf(HasSubstr("data row 4"), Not(HasSubstr("rows more"))));
  rows = good_rows();
  rows[11].params /= 1e6;
  EXPECT_THAT(complaint(rows), HasSubstr("data row 11: flops"));
}

TEST(CheckObservations, FlopsOffByMoreThanTwoPercentAreWarnedOf) {
  std::vector<Observation> rows = good_rows();
  rows[3].flops *= 1.019;
  EXPECT_FALSE(has(check(rows), "flops_mismatch"));
  rows[3].flops *= 1.01;
  EXPECT_TRUE(has(check(rows), "flops_mismatch"));
}

TEST(CheckObservations, ALossThatRisesWithSizeAndTokensIsRefused) {
  std::vector<Observation> rows;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      Observation o;
      o.params = 1e6 * (i + 1);
      o.tokens = 1e8 * (j + 1);
      o.row = 4 * i + j;
      o.loss = 2 + 0.1 * i + 0.1 * j;
      rows.push_back(o);
    }
  }
  EXPECT_EQ(refusal_code(rows), "loss_rises");
}

}  // namespace
}  // namespace isoflop
