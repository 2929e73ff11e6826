#include "fit/check_observations.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"
#include "tests/fit/synthetic.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
                    AllOf(HasSubstr("runs.csv"), HasSubstr("data row 7"), HasSubstr(names[c])));
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
  rows.insert(rows.end(), rows.begin(), rows.begin() + 5);
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
    one_token_count[i].tokens = 1e9;
    one_loss[i].loss = 3;
  }
  EXPECT_EQ(refusal_code(one_size), "one_size");
  EXPECT_EQ(refusal_code(one_token_count), "one_token_count");
  EXPECT_EQ(refusal_code(one_loss), "constant_loss");
  one_size[3].params = 2e8;
  one_token_count[3].tokens = 2e9;
  EXPECT_EQ(refusal_code(one_size), "two_sizes");
  EXPECT_EQ(refusal_code(one_token_count), "two_token_counts");
  one_size[4].params = 3e8;
  EXPECT_EQ(refusal_code(one_size), "accepted");
}

TEST(CheckObservations, RepeatedRowsAreWarnedOfButSeedsAreNot) {
  std::vector<Observation> rows = good_rows();
  rows.push_back(rows[2]);
  EXPECT_TRUE(has(check(rows), "duplicate_rows"));
  rows.back().seed = 1;
  EXPECT_FALSE(has(check(rows), "duplicate_rows"));
}

TEST(CheckObservations, FlopsOffByMoreThanTwoPercentAreWarnedOf) {
  std::vector<Observation> rows = good_rows();
  rows[3].flops *= 1.019;
  EXPECT_FALSE(has(check(rows), "flops_mismatch"));
  rows[3].flops *= 1.01;
  EXPECT_TRUE(has(check(rows), "flops_mismatch"));
}

TEST(CheckObservations, ALossThatRisesWithSizeAndTokensIsWarnedOf) {
  std::vector<Observation> rows;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      Observation o;
      o.params = 1e6 * (i + 1);
      o.tokens = 1e8 * (j + 1);
      o.loss = 2 + 0.1 * i + 0.1 * j;
      rows.push_back(o);
    }
  }
  EXPECT_TRUE(has(check(rows), "loss_rises"));
}

}  // namespace
}  // namespace isoflop
