#include "report/comparison_text.h"

#include <gtest/gtest.h>

#include "report/reproduction_text.h"

namespace isoflop {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

FitComparison fits(double difference, std::optional<double> a_better) {
  FitComparison c{.name_a = "a.json", .name_b = "b.json", .convention = "6nd"};
  c.at = {.flops = 1e21,
          .loss_a = {.value = 2.0 + difference},
          .loss_b = {.value = 2.0},
          .difference = {.value = difference},
          .a_better = a_better};
  c.crossing_low = 1e18;
  c.crossing_high = 1e24;
  return c;
}

TEST(ComparisonText, OfTwoFitsSaysWhoIsBetterAndHowSure) {
  FitComparison c = fits(-0.1, 0.875);
  c.at.multiplier = Interval{.value = 1.5, .low = 1.2, .high = 2.0};
  EXPECT_EQ(first_line(comparison_text(c)),
            "a.json is better at 1e21 FLOP with probability 0.875: loss 1.9000 of a.json against "
            "2.0000 of b.json (nats per token); b.json needs 1.50x [1.20x, 2.00x] that compute for "
            "a.json's loss");
  EXPECT_NE(comparison_text(c).find("no crossover from 1e18 to 1e24 FLOP"), std::string::npos);
}

// The probability is the winner's, whichever it is.
TEST(ComparisonText, OfTwoFitsNamesTheWinnersProbability) {
  const std::string line = first_line(comparison_text(fits(0.1, 0.125)));
  EXPECT_EQ(line.rfind("b.json is better at 1e21 FLOP with probability 0.875", 0), 0u) << line;
  EXPECT_NE(line.find("no compute gets b.json to a.json's loss"), std::string::npos) << line;
  EXPECT_EQ(first_line(comparison_text(fits(0, 0.5))).rfind("no difference at 1e21 FLOP:", 0), 0u);
}

SizeComparison sizes(std::size_t first_best, std::size_t second_best) {
  SizeComparison c{.study = "s"};
  for (const std::size_t best : {first_best, second_best}) {
    c.budgets.push_back(
        {.budget = 1e12,
         .sizes = {{.params = 5e4, .tokens = 4e6, .seeds = 3, .loss = 1.5},
                   {.params = 2e5, .tokens = 1e6, .seeds = 3, .loss = 1.7}},
         .best = best,
         .others = {{.size = 1 - best, .difference = 0.2, .standard_error = 0.01, .errors = 20}}});
  }
  return c;
}

TEST(ComparisonText, OfSizesSaysWhichWonWhere) {
  EXPECT_EQ(comparison_text(sizes(0, 0)).rfind("the smaller model on more tokens won at every", 0),
            0u);
  EXPECT_EQ(comparison_text(sizes(1, 1)).rfind("the larger model on fewer tokens won at every", 0),
            0u);
  EXPECT_EQ(comparison_text(sizes(0, 1)).rfind("the smaller model won at 1 of 2 budgets", 0), 0u);
  EXPECT_NE(first_line(comparison_text(sizes(0, 0))).find("by 0.2000 (20.0 standard errors)"),
            std::string::npos);
}

TEST(ComparisonText, TablesHaveARowForEveryCell) {
  const TextTable table = comparison_table(sizes(0, 1));
  ASSERT_EQ(table.rows.size(), 4u);
  for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size());
  FitComparison c = fits(-0.1, 0.875);
  c.budgets = {c.at};
  for (const auto& row : comparison_table(c).rows) {
    EXPECT_EQ(row.size(), comparison_table(c).columns.size());
  }
}

TEST(ReproductionText, CountsWhatAgreesAndNamesWhatDoesNot) {
  Reproduction r{.name = "table3"};
  r.tables.push_back(
      {.name = "table3",
       .title = "Table 3",
       .source = "paper",
       .values = {{.label = "x", .quantity = "C", .ours = 1.01, .printed = 1.0},
                  {.label = "y", .quantity = "C", .ours = 1.5, .printed = 1.0},
                  {.label = "z", .quantity = "C", .ours = 9, .printed = 1.0, .alternative = true},
                  {.label = "w", .quantity = "C", .printed = 1.0}},
       .findings = {{"not_6nd", "y is off"}},
       .notes = {"w was not recomputed"}});
  const std::string text = reproduction_text(r);
  EXPECT_EQ(first_line(text),
            "table3: 1 of 2 recomputed numbers are within 2 % of the printed ones; 1 contradiction "
            "found");
  EXPECT_NE(text.find("found: y is off [not_6nd]"), std::string::npos);
  EXPECT_NE(text.find("note: w was not recomputed"), std::string::npos);
  EXPECT_NE(reproduction_text(r, true).find("## Table 3"), std::string::npos);
}

}  // namespace
}  // namespace isoflop
