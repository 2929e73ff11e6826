#include "published/tables.h"

#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/units.h"
#include "io/csv.h"

namespace isoflop {
namespace {

TEST(PublishedTables, HaveTheirPrintedRows) {
  EXPECT_EQ(large_models().size(), 8u);
  EXPECT_EQ(model_shapes().size(), 50u);
  EXPECT_EQ(known_architectures().size(), 2u);
  EXPECT_EQ(exponent_table().size(), 4u);
  EXPECT_EQ(optimal_table().size(), 27u);
  EXPECT_EQ(dataset_table().size(), 5u);
  EXPECT_EQ(flop_ratio_table().size(), 6u);
  std::map<std::string, int> tasks;
  for (const TaskRow& row : task_table()) ++tasks[row.suite];
  EXPECT_EQ(tasks, (std::map<std::string, int>{{"MMLU", 57}, {"BIG-bench", 62}, {"The Pile", 19}}));
  EXPECT_EQ(suite_table().size(), 3u);
  EXPECT_DOUBLE_EQ(kaplan_constant("N_opt", "exp"), 0.73);
}

TEST(PublishedTables, EveryRowNamesItsSource) {
  for (const LargeModel& row : large_models()) EXPECT_NE(row.source, "") << row.name;
  for (const OptimalRow& row : optimal_table()) EXPECT_NE(row.source, "") << row.label;
  for (const TaskRow& row : task_table()) EXPECT_NE(row.source, "") << row.task;
  for (const ModelShape& row : model_shapes()) EXPECT_NE(row.source, "") << row.label;
  for (const ConstantRow& row : kaplan_constants()) EXPECT_NE(row.source, "") << row.constant;
}

// The number is as printed; the note beside it says that it is wrong.
TEST(PublishedTables, MisprintsAreNamedAndNotCorrected) {
  for (const OptimalRow& row : optimal_table()) {
    if (row.approach != 3 || row.label != "175B") continue;
    EXPECT_EQ(row.flops, 1.26e24);
    EXPECT_NE(row.misprint.find("1.26e25"), std::string::npos);
  }
}

TEST(LargeModels, AreFoundByAnyUnmistakableName) {
  EXPECT_EQ(large_model("gopher").params, 280e9);
  EXPECT_EQ(large_model("Chinchilla").tokens, 1.4e12);
  EXPECT_EQ(large_model("GPT3").name, "GPT-3");
  EXPECT_EQ(large_model("mt-nlg").name, "MT-NLG 530B");
  EXPECT_EQ(large_model("llama").name, "Llama 3 405B");
  EXPECT_THROW(large_model("palm"), Error);
  EXPECT_THROW(large_model(""), Error);
  ASSERT_NE(architecture_of("Chinchilla"), nullptr);
  EXPECT_EQ(architecture_of("Chinchilla")->heads, 64);
  EXPECT_EQ(architecture_of("GPT-3"), nullptr);
}

// An independent transcription of the same tables, where it is at hand.
class Transcription : public ::testing::Test {
 protected:
  static std::optional<Table> other(const std::string& name) {
    const std::filesystem::path path =
        std::filesystem::path(ISOFLOP_SOURCE_DIR) / "../shared/published" / name;
    if (!std::filesystem::exists(path)) return std::nullopt;
    return read_csv(path.string());
  }

  static std::string cell(const Table& table, size_t row, const std::string& column) {
    for (size_t c = 0; c < table.columns.size(); ++c) {
      if (table.columns[c] == column) return table.rows[row][c];
    }
    ADD_FAILURE() << "no column " << column;
    return "";
  }

  // Every (ours, theirs) pair of columns agrees in every row, numbers by value.
  static void expect_same(const std::string& ours_name, const std::string& theirs_name,
                          const std::map<std::string, std::string>& columns, size_t first_rows) {
    const auto theirs = other(theirs_name);
    if (!theirs) GTEST_SKIP() << theirs_name << " is not at hand";
    const Table ours = parse_csv(published_csv(ours_name), ours_name);
    ASSERT_EQ(ours.rows.size(), first_rows);
    ASSERT_GE(theirs->rows.size(), first_rows);
    for (size_t row = 0; row < first_rows; ++row) {
      for (const auto& [a, b] : columns) {
        const std::string mine = cell(ours, row, a);
        const std::string yours = cell(*theirs, row, b);
        const auto x = try_parse_quantity(mine);
        const auto y = try_parse_quantity(yours);
        if (x && y) {
          EXPECT_DOUBLE_EQ(*x, *y) << ours_name << " " << row << " " << a;
        } else {
          EXPECT_EQ(mine, yours) << ours_name << " " << row << " " << a;
        }
      }
    }
  }
};

TEST_F(Transcription, OfTable2) {
  expect_same("table2.csv", "chinchilla_table2.csv",
              {{"approach", "approach"},
               {"a", "a"},
               {"a_low", "a_lo"},
               {"a_high", "a_hi"},
               {"b", "b"},
               {"b_low", "b_lo"},
               {"b_high", "b_hi"}},
              4);
}

TEST_F(Transcription, OfTables3AndA3) {
  expect_same("table3.csv", "chinchilla_table3.csv",
              {{"approach", "approach"},
               {"label", "params_label"},
               {"params", "N"},
               {"flops", "C_flops_printed"},
               {"gopher_units", "gopher_units_printed"},
               {"tokens", "D_tokens_printed"}},
              27);
}

TEST_F(Transcription, OfTable4) {
  expect_same("architectures.csv", "chinchilla_table4_arch.csv",
              {{"params", "params"},
               {"layers", "n_layers"},
               {"heads", "n_heads"},
               {"head_size", "kv_size"},
               {"width", "d_model"},
               {"hidden", "ffw"},
               {"max_rate", "max_lr"}},
              2);
}

TEST_F(Transcription, OfTableA2) {
  expect_same("tableA2.csv", "chinchilla_tableA2.csv",
              {{"dataset", "dataset"},
               {"a", "a"},
               {"b", "b"},
               {"params", "projection_N_at_5.76e23"},
               {"tokens", "projection_D_at_5.76e23"}},
              5);
}

TEST_F(Transcription, OfTableA4) {
  expect_same("tableA4.csv", "chinchilla_tableA4_flop_ratio.csv",
              {{"label", "params_label"},
               {"layers", "n_layers"},
               {"width", "d_model"},
               {"hidden", "ffw_size"},
               {"heads", "n_heads"},
               {"head_size", "kv_size"},
               {"ratio", "ratio_published"}},
              6);
}

TEST_F(Transcription, OfTableA9) {
  expect_same("tableA9.csv", "model_shapes.csv",
              {{"params_millions", "params_reported_M"},
               {"width", "d_model"},
               {"hidden", "ffw_size"},
               {"head_size", "kv_size"},
               {"heads", "n_heads"},
               {"layers", "n_layers"}},
              50);
}

TEST_F(Transcription, OfTheTasks) {
  expect_same("tasks.csv", "chinchilla_vs_gopher_per_task.csv",
              {{"suite", "suite"},
               {"task", "task"},
               {"chinchilla", "chinchilla_70b"},
               {"gopher", "gopher_280b"},
               {"jurassic1", "jurassic_1"}},
              138);
}

TEST_F(Transcription, OfKaplansConstantsAndTheLargeModels) {
  expect_same("kaplan.csv", "kaplan_constants.csv",
              {{"law", "law"}, {"constant", "constant"}, {"value", "value"}, {"units", "units"}},
              22);
  expect_same("large_models.csv", "large_models.csv",
              {{"params", "N_params"}, {"tokens", "D_tokens"}, {"flops", "flops_published"}}, 8);
}

}  // namespace
}  // namespace isoflop
