#include "io/diagnostics_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/law_fit.h"

namespace isoflop {
namespace {

constexpr LawParameters kLaw = {
    .E = 1.8172181, .A = 477.826, .B = 2143.42, .alpha = 0.3473105, .beta = 1.0 / 3};

Diagnostics full_diagnostics() {
  Diagnostics d;
  Influence influence{.budget = 5.76e23, .scale = 0.0049, .cutoff = 11.1, .level = 0.0027};
  influence.rows = {{.row = 0,
                     .trial = "first",
                     .run_params = 6.8e9,
                     .run_tokens = 2.45e8,
                     .run_loss = 5.0,
                     .residual = 0.28,
                     .params = 97e9,
                     .params_ratio = 0.82},
                    {.row = 4, .run_params = 2, .run_tokens = 1, .params_ratio = 0.617}};
  influence.with = {.law = kLaw, .observations = 245, .objective = 1.8e-3, .params = 119e9};
  influence.without = {.law = kLaw, .observations = 243, .objective = 1e-3, .params = 1.0 / 3};
  influence.method = "a method";
  d.influence = influence;
  d.residuals = Residuals{.scale = 0.005, .rms = 0.01};
  d.residuals->trends = {{.against = "flops", .slope = 0.1, .slope_t = 1, .curvature_t = -3.3}};
  d.residuals->largest = {{.row = 7, .trial = "x", .params = 1, .residual = 0.2, .scaled = 40}};
  Identifiability id{.condition = 2e3, .condition_scaled = 33, .sizes = 5};
  id.correlation.assign(5, std::vector<double>(5, 1.0 / 7));
  id.standard_errors = {1, 2, 3, 4, 1.0 / 9};
  id.tokens_per_param_low = 0.5;
  id.flops_span = 1e4;
  d.identifiability = id;
  ConventionTable table;
  table.rows = {{.params = "total",
                 .flops = "6nd",
                 .how = "columns",
                 .usable = true,
                 .law = kLaw,
                 .a = 0.5139,
                 .b = 0.4861,
                 .params_at = 1e10},
                {.params = "total", .flops = "exact", .how = "columns", .why_not = "no column"}};
  table.nonembedding = {.simulated = 0.78,
                        .exact = 0.775,
                        .large = 0.51,
                        .asymptotic = 0.51,
                        .loss_exponent = -0.069};
  d.conventions = table;
  ModelChoice choice{.budget = 1e21, .fitted = 20, .hidden = 9, .forms = {}, .clear = true};
  choice.forms = {{.form = "chinchilla",
                   .formula = "L",
                   .parameters = 5,
                   .usable = true,
                   .hidden_rms = 0.01,
                   .hidden_mean = -0.005,
                   .fitted_rms = 0.003},
                  {.form = "kaplan", .formula = "K", .parameters = 4, .why_not = "no convergence"}};
  d.model_choice = choice;
  d.warnings = {{"influential_rows", "2 rows"}};
  return d;
}

Diagnostics read_back(const Json& json) {
  const Json parsed = parse_json(json_text(json), "fit.json");
  return read_diagnostics(JsonReader(parsed, "fit.json"));
}

TEST(DiagnosticsJson, ReadsBackWhatItWritesToTheLastDigit) {
  EXPECT_EQ(read_back(diagnostics_json(full_diagnostics())), full_diagnostics());
  EXPECT_EQ(read_back(diagnostics_json({})), Diagnostics{});
}

TEST(DiagnosticsJson, InfluentialRowsHaveTheShapeThatScriptsReadOn) {
  const Json rows = diagnostics_json(full_diagnostics())["influential"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["row"], 0);
  EXPECT_EQ(rows[0]["trial"], "first");
  EXPECT_EQ(rows[0]["params_ratio"], 0.82);
  EXPECT_EQ(rows[0]["params"], 97e9);
  EXPECT_NEAR(rows[0]["tokens_per_param"].get<double>(), 0.036, 1e-4);
  EXPECT_FALSE(rows[1].contains("trial")) << "absent means absent";
}

TEST(DiagnosticsJson, NeverWritesANumberThatIsNone) {
  Diagnostics d = full_diagnostics();
  d.residuals->trends[0].slope = std::nan("");
  EXPECT_THROW(diagnostics_json(d), Error);
}

TEST(DiagnosticsJson, HiddenRowsOfABacktestGoThereAndBack) {
  Backtest backtest;
  backtest.rows = {
      {.row = 3,
       .params = 1e9,
       .tokens = 2e10,
       .flops = 1.2e20,
       .loss = 2.5,
       .predicted = {2.51, 2.49, 2.53}},
      {.row = 4, .params = 1, .tokens = 2, .flops = 3, .loss = 4, .predicted = {.value = 5}}};
  const Json parsed = {{"rows", hidden_rows_json(backtest)}};
  EXPECT_EQ(read_hidden_rows(JsonReader(parsed, "x").objects("rows")), backtest.rows);
}

}  // namespace
}  // namespace isoflop
