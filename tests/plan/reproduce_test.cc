#include "plan/reproduce.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "law/presets.h"
#include "published/tables.h"

namespace isoflop {
namespace {

std::vector<std::string> messages(const std::vector<Warning>& findings) {
  std::vector<std::string> all;
  for (const Warning& finding : findings) all.push_back(finding.message);
  return all;
}

bool any_has(const std::vector<Warning>& findings, const std::string& code,
             const std::string& text) {
  return std::any_of(findings.begin(), findings.end(), [&](const Warning& finding) {
    return finding.code == code && finding.message.find(text) != std::string::npos;
  });
}

const ReproducedValue& value_of(const ReproducedTable& table, const std::string& label,
                                const std::string& quantity, const std::string& basis) {
  for (const ReproducedValue& value : table.values) {
    if (value.label == label && value.quantity == quantity && value.basis == basis) return value;
  }
  throw std::runtime_error("no value " + label + " " + quantity + " " + basis);
}

TEST(TableA9, ParametersComeOutOfTheShapes) {
  const ReproducedTable table = reproduce_table_a9(model_shapes());
  ASSERT_EQ(table.values.size(), 50u);
  for (std::size_t i = 0; i < table.values.size(); ++i) {
    const double printed = *table.values[i].printed;
    const double tolerance = i < 2 ? 0.007 : printed < 600e6 ? 0.0025 : 0.001;
    EXPECT_NEAR(*table.values[i].ratio(), 1, tolerance) << table.values[i].label;
  }
  EXPECT_TRUE(table.findings.empty());
}

TEST(TableA9, AWrongCountIsFound) {
  ModelShape shape = model_shapes()[20];
  shape.layers += 1;
  const ReproducedTable table = reproduce_table_a9(std::span(&shape, 1));
  EXPECT_TRUE(any_has(table.findings, "formula_does_not_give_it", shape.label));
}

// Only without the vocabulary's terms, and at a context of 2,048.
TEST(TableA4, RatiosComeOutOfTheLayersAlone) {
  const ReproducedTable table = reproduce_table_a4(flop_ratio_table());
  const std::map<std::string, double> printed_form{{"73M", 1.5819},   {"305M", 1.3165},
                                                   {"552M", 1.2322},  {"1100M", 1.1451},
                                                   {"1600M", 1.1158}, {"6800M", 1.0282}};
  for (const auto& [label, ratio] : printed_form) {
    const auto& layers = value_of(table, label, "FLOPs / 6ND", "layers only, S = 2048");
    EXPECT_NEAR(*layers.ours, *layers.printed, 0.005) << label;  // printed to two decimals
    const auto& printed = value_of(table, label, "FLOPs / 6ND", "App. F as printed");
    EXPECT_NEAR(*printed.ours, ratio, 5e-5) << label;
  }
  EXPECT_NEAR(*value_of(table, "73M", "FLOPs / 6ND", "layers and final logits").ours, 1.3042, 5e-5);
  EXPECT_TRUE(any_has(table.findings, "formula_does_not_give_it", "6 of 6"));
}

TEST(TablesOfOptima, EveryNamedMisprintIsFoundByACheck) {
  ReproducedTable both = reproduce_table3(optimal_table());
  const ReproducedTable a3 = reproduce_table_a3(optimal_table(), nullptr);
  both.findings.insert(both.findings.end(), a3.findings.begin(), a3.findings.end());
  std::size_t named = 0;
  for (const OptimalRow& row : optimal_table()) {
    const std::string label = "approach " + std::to_string(row.approach) + ", " + row.label + ":";
    EXPECT_EQ(any_has(both.findings, "not_6nd", label), !row.misprint.empty()) << label;
    named += row.misprint.empty() ? 0 : 1;
  }
  EXPECT_EQ(named, 4u);
  EXPECT_TRUE(any_has(both.findings, "not_6nd", "10 times"));  // 1.26e24 for 1.26e25
}

TEST(TableA3, ConstantsGiveItsFirstRowsNearly) {
  const ReproducedTable table = reproduce_table_a3(optimal_table(), nullptr);
  const auto& flops = value_of(table, "approach 3, 400M", "C", "alpha .336, beta .283");
  EXPECT_NEAR(*flops.ours, 2.22e19, 0.005e19);  // recomputed apart from this program
  const auto& tokens = value_of(table, "approach 3, 400M", "D", "alpha .336, beta .283");
  EXPECT_NEAR(*tokens.ours, 9.24e9, 0.005e9);
}

TEST(Table2, AnExponentOutsideItsOwnIntervalIsFound) {
  const ReproducedTable table = reproduce_table2(exponent_table(), optimal_table(), nullptr);
  EXPECT_TRUE(any_has(table.findings, "outside_own_interval", "a = 0.46 lies outside"))
      << ::testing::PrintToString(messages(table.findings));
  EXPECT_TRUE(any_has(table.findings, "outside_own_interval", "0.4565"));
  // The exponents that the other tables imply agree with Table 2 to its digits.
  for (const ReproducedValue& value : table.values) {
    EXPECT_NEAR(*value.ours, *value.printed, 0.005) << value.label << value.basis;
  }
}

TEST(Table2, ARefitStandsBesideIt) {
  const Refit refit{"mine", preset_law("chinchilla-huber")};
  const ReproducedTable table = reproduce_table2(exponent_table(), optimal_table(), &refit);
  const auto& a = value_of(table, "parametric modelling of the loss", "a", "fitted to mine");
  EXPECT_NEAR(*a.ours, 0.5139, 5e-5);
  EXPECT_EQ(*a.printed, 0.46);
}

TEST(TableA2, ProjectionsSpendGophersBudget) {
  const ReproducedTable table = reproduce_table_a2(dataset_table());
  EXPECT_NEAR(*value_of(table, "C4", "D", "5.76e23 / 6N").ours, 5.76e23 / 6 / 73e9, 1e6);
  EXPECT_TRUE(any_has(table.findings, "not_6nd", "Fig 3"));  // 63B on 1.4T is 8 % short
  EXPECT_EQ(table.findings.size(), 1u);
}

// Hoffmann et al. give 4.68B and 2.86B.
TEST(Kaplan, SizesAt1e21AreThePrintedOnes) {
  const ReproducedTable table = reproduce_kaplan(kaplan_constant("N_opt", "coef"),
                                                 kaplan_constant("N_opt", "exp"), optimal_table());
  EXPECT_NEAR(*table.values[0].ours, 4.68e9, 0.005e9);
  EXPECT_NEAR(*table.values[2].ours, 2.86e9, 0.01 * 2.86e9);  // through rows of three digits
}

TEST(Statements, EveryDifferenceIsFound) {
  const ReproducedTable table = reproduce_statements(statement_table(), large_models());
  EXPECT_TRUE(any_has(table.findings, "stated_twice", "4.41e+24"));
  EXPECT_TRUE(any_has(table.findings, "stated_twice", "67.5"));
  EXPECT_TRUE(any_has(table.findings, "not_6nd", "LaMDA"));
  EXPECT_FALSE(any_has(table.findings, "not_6nd", "GPT-3"));
  const StatementRow same{"x", "Table 1", 3.0, "text", 3.0, "s"};
  EXPECT_TRUE(reproduce_statements(std::span(&same, 1), {}).findings.empty());
}

TEST(Suites, CountsAndMeansAreThoseOfTheTasks) {
  const auto suite = [](std::size_t i) { return judge_suite(suite_table()[i], task_table()); };
  const SuiteOutcome mmlu = suite(0);
  EXPECT_EQ(mmlu.better, 51);
  EXPECT_EQ(mmlu.equal, 2);
  EXPECT_EQ(mmlu.worse, 4);
  EXPECT_NEAR(mmlu.chinchilla, 67.64, 0.005);
  EXPECT_NEAR(mmlu.gopher, 60.61, 0.005);
  EXPECT_EQ(mmlu.findings.size(), 1u);
  EXPECT_TRUE(any_has(mmlu.findings, "not_the_mean", "60.0"));
  const SuiteOutcome bigbench = suite(1);
  EXPECT_EQ(bigbench.better, 58);
  EXPECT_EQ(bigbench.worse, 4);
  EXPECT_NEAR(bigbench.chinchilla, 64.52, 0.005);
  EXPECT_NEAR(bigbench.gopher, 54.40, 0.005);
  EXPECT_TRUE(any_has(bigbench.findings, "not_the_mean", "65.1"));
  const SuiteOutcome pile = suite(2);
  EXPECT_TRUE(pile.lower_is_better);
  EXPECT_EQ(pile.better, 19);
  EXPECT_NEAR(pile.chinchilla, 0.6748, 5e-5);
  EXPECT_NEAR(pile.gopher, 0.7139, 5e-5);
  EXPECT_NEAR(pile.mean_ratio, 1 - 0.056, 5e-4);
  EXPECT_TRUE(pile.findings.empty());
}

TEST(Suites, AWrongCountIsFound) {
  SuiteRow row = suite_table()[0];
  row.better = 52;
  EXPECT_TRUE(any_has(judge_suite(row, task_table()).findings, "wrong_count", "51"));
}

}  // namespace
}  // namespace isoflop
