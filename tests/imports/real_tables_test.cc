// The published tables themselves, where they lie beside the tree: counts, and values that follow
// from the files independently of the importer.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "core/error.h"
#include "core/units.h"
#include "imports/import_runs.h"
#include "io/csv.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class RealTables : public ::testing::Test {
 protected:
  // The path, or a skipped test.
  static std::string data(const std::string& name) {
    return std::string(ISOFLOP_SOURCE_DIR) + "/../shared/data/" + name;
  }
  static bool is_there(const std::string& name) { return std::filesystem::exists(data(name)); }
  // Runs have names of their own, and D, N and C that agree as the convention says.
  static void check(const RunImport& read, const std::string& format, std::size_t runs,
                    double tolerance) {
    EXPECT_EQ(read.format, format);
    EXPECT_EQ(read.runs.size(), runs);
    EXPECT_EQ(read.sha256.size(), 64u);
    std::set<std::string> names;
    for (const ImportedRun& run : read.runs) {
      EXPECT_TRUE(names.insert(run.source_id).second) << run.source_id;
      const Observation& o = run.observation;
      EXPECT_NEAR(6 * o.params * o.tokens / o.flops, 1, tolerance);
      EXPECT_GT(run.line, 0);
      EXPECT_EQ(run.provenance.front(), '{');
    }
  }
};

#define SKIP_WITHOUT(name) \
  if (!is_there(name)) GTEST_SKIP() << data(name) << " is not there"

TEST_F(RealTables, Epochs245Points) {
  const std::string file = "epoch-research_analyzing-chinchilla/svg_extracted_data.csv";
  SKIP_WITHOUT(file);
  const RunImport read = import_file(data(file));
  check(read, "epoch", 245, 1e-12);
  const Observation& o = read.runs[0].observation;
  EXPECT_EQ(o.params, 6795600349.289497);
  EXPECT_EQ(o.flops, 9.993852799709755e+18);
  EXPECT_EQ(o.loss, 5.005581996196243);
  for (const ImportedRun& run : read.runs) EXPECT_FALSE(run.derived.empty());
}

TEST_F(RealTables, Porians1745Points) {
  const std::string file = "formll_resolving-scaling-law-discrepancies/porian_isoflop_points.csv";
  SKIP_WITHOUT(file);
  const RunImport read = import_file(data(file));
  check(read, "porian", 1745, 1e-9);
  std::set<std::string> experiments;
  for (const ImportedRun& run : read.runs) {
    EXPECT_EQ(run.observation.budget, run.observation.flops);
    experiments.insert(run.observation.trial);
  }
  EXPECT_GT(experiments.size(), 5u);
}

TEST_F(RealTables, PoriansOptimaAreRefused) {
  for (const char* name : {"porian_optimal_pairs.csv", "porian_fit_results.csv"}) {
    const std::string file = std::string("formll_resolving-scaling-law-discrepancies/") + name;
    SKIP_WITHOUT(file);
    EXPECT_THAT(message_of<Error>([&] { import_file(data(file)); }), HasSubstr("not runs"));
  }
}

TEST_F(RealTables, GemstonesRunsWithTheirCurves) {
  const std::string file = "mcleish7_gemstone-scaling-laws/wandb_df_for_fitting_hot.jsonl";
  SKIP_WITHOUT(file);
  const RunImport read = import_file(data(file));
  const std::string text = slurp(data(file));
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  std::size_t points = 0, alone = 0;
  for (const ImportedRun& run : read.runs) {
    points += run.points.size();
    alone += run.points.empty();
    if (run.points.empty()) continue;
    const ImportedPoint& last = run.points.back();
    EXPECT_EQ(last.tokens, run.observation.tokens);
    EXPECT_EQ(last.heldout_loss, run.observation.loss);
  }
  EXPECT_EQ(points + alone, lines + (text.back() != '\n'));
  check(read, "gemstones", read.runs.size(), 1e-12);
}

TEST_F(RealTables, DatablationsWithUniqueTokens) {
  for (const auto& [name, rows] : {std::pair("datablations_c4_all.csv", 296u),
                                   std::pair("datablations_c4_fit182.csv", 182u)}) {
    const std::string file = std::string("huggingface_datablations/") + name;
    SKIP_WITHOUT(file);
    const RunImport read = import_file(data(file));
    check(read, "datablations", rows, 1e-12);
    const Table table = read_csv(data(file));
    for (const ImportedRun& run : read.runs) {
      const double epochs =
          *try_parse_quantity(table.rows[static_cast<std::size_t>(run.observation.row)][4]);
      EXPECT_NEAR(run.observation.tokens / run.observation.extra.at("unique_tokens"), epochs,
                  0.01 * epochs + 0.01);  // the file rounds its epochs
    }
  }
}

TEST_F(RealTables, OlmosLadder) {
  const std::string finals = "allenai_OLMo-ladder/olmo_ladder_final_losses.csv";
  const std::string curves = "allenai_OLMo-ladder/olmo_ladder_c4_curves.csv";
  SKIP_WITHOUT(finals);
  const RunImport read = import_file(data(finals));
  check(read, "olmo-ladder", 41, 1e-12);
  EXPECT_EQ(read.runs[0].source_id, "190M-0.5xC");
  EXPECT_EQ(read.runs[0].observation.loss, 3.74747896194458);
  const RunImport read_curves = import_file(data(curves));
  std::size_t points = 0;
  for (const ImportedRun& run : read_curves.runs) {
    points += run.points.size();
    EXPECT_TRUE(std::is_sorted(run.points.begin(), run.points.end(),
                               [](const auto& a, const auto& b) { return a.tokens < b.tokens; }));
  }
  EXPECT_EQ(points + read_curves.dropped.size(), 4198u);
  EXPECT_EQ(read_curves.dropped.size(), 2u);  // at D = 0
}

TEST_F(RealTables, RoutedModelsAtTheirLastStep) {
  const std::string file =
      "google-deepmind_scaling_laws_for_routing/clark_final_step_rf0.5_k1_seed42.csv";
  SKIP_WITHOUT(file);
  const RunImport read =
      import_bytes({.path = file, .bytes = slurp(data(file))}, {.batch_tokens = 262144});
  EXPECT_EQ(read.format, "routing");
  EXPECT_EQ(read.runs.size(), 163u);
  const Observation& o = read.runs[0].observation;
  EXPECT_EQ(o.flops, 249000 * 556775937933312.0);
  EXPECT_EQ(o.tokens, 249000 * 262144.0);
  EXPECT_EQ(o.extra.at("experts"), 1);
}

TEST_F(RealTables, CompressedCurvesSayGunzip) {
  const std::string file = "google-deepmind_scaling_laws_for_routing/curves.csv.gz";
  SKIP_WITHOUT(file);
  EXPECT_THAT(message_of<Error>([&] { import_file(data(file)); }), HasSubstr("gunzip"));
}

TEST_F(RealTables, CurvesOfMultiPowerLaw) {
  const std::string file = "thu-yao-01-luo_MultiPowerLaw/csv_25/cosine_24000.csv";
  SKIP_WITHOUT(file);
  const RunImport read =
      import_file(data(file), {.convention_named = true, .params = 25e6, .batch_tokens = 524288});
  ASSERT_EQ(read.runs.size(), 1u);
  const Table table = read_csv(data(file));
  EXPECT_EQ(read.runs[0].points.size(), table.rows.size());
  EXPECT_EQ(read.runs[0].observation.loss, *try_parse_quantity(table.rows.back()[2]));
}

}  // namespace
}  // namespace isoflop
