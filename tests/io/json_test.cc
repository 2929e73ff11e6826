#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/fit_json.h"
#include "io/manifest_json.h"
#include "io/plan_json.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

CorpusManifest some_manifest() {
  return {
      .name = "classics \"x\"",
      .tokens = 21212181,
      .text_bytes = 21212181,
      .tokens_sha256 = std::string(64, 'a'),
      .split_seed = -3,
      .heldout_fraction = 0.1,
      .train_tokens = 20000000,
      .heldout_tokens = 1212181,
      .sources = {{"a.txt", 5, std::string(64, 'b'), "public domain"}, {"b.txt", 6, "c", "MIT"}}};
}

LawFit some_fit() {
  LawFit fit;
  fit.parameters = {1.0 / 3, 482.01, 2085.43, 0.3478, 0.3658};
  for (int i = 0; i < 101; ++i) {
    fit.draws.push_back({1.8, 400.0 + i, 2000.0 / 3, 0.30 + 0.001 * i, 0.37});
  }
  fit.interval_level = 0.8;
  fit.interval_method = "row bootstrap";
  fit.observations = 240;
  fit.objective = 0.00101 / 3;
  fit.huber_delta = 1e-3;
  fit.gradient_norm = 1e-13;
  fit.starts_tried = 4500;
  fit.starts_agreeing = 4000;
  fit.second_best = 0.1;
  fit.residual_rms = 0.004;
  fit.flops = FlopsPerToken::from_nodes("exact", {{1e6, 7e6}, {1e9, 6.1e9}});
  fit.params_low = 44e6, fit.params_high = 16e9;
  fit.tokens_low = 1e9, fit.tokens_high = 1e12;
  fit.flops_low = 1e18, fit.flops_high = 1e22;
  fit.tokens_per_param_low = 0.5, fit.tokens_per_param_high = 300;
  fit.experts_low = 2, fit.experts_high = 16;
  fit.experts_weights = {{2, 1, 2}, {16, 4.1 / 3, 0}};
  fit.isoflop = IsoflopFit{.profiles = {{.budget = 6e18,
                                         .points = 7,
                                         .usable = true,
                                         .params = 1e8,
                                         .tokens = 1e10,
                                         .loss = 3,
                                         .curvature = 0.1},
                                        {.budget = 1e19, .points = 2, .code = "too_few_points"}},
                           .a = {.value = 0.49, .low = 0.46, .high = 0.53},
                           .b = {.value = 0.51, .low = {}, .high = {}},
                           .params_law = {.line = {-1.5, 0.49}, .draws = {}},
                           .tokens_law = {.line = {-0.3, 0.51}, .draws = {}},
                           .usable = true,
                           .why_not = ""};
  fit.backtest = Backtest{.budget = 1e21,
                          .fitted = 200,
                          .hidden = 40,
                          .mean_error = -0.001,
                          .max_error = 0.02,
                          .best_error = 0.003};
  fit.source = "runs.csv";
  fit.data_sha256 = std::string(64, 'd');
  fit.version = "0.1.0";
  fit.warnings = {{"at_bound", "alpha \"hit\"\nits bound"}};
  return fit;
}

LawFit some_preset() {
  LawFit fit;
  fit.law = "epoch2024";
  fit.citation = "Besiroglu et al. 2024";
  fit.parameters = {1.8172, 482.01, 2085.43, 0.3478, 0.3658};
  return fit;
}

TEST(ManifestJson, ReadsBackWhatItWrites) {
  const TempFolder folder;
  write_manifest(some_manifest(), folder.path(kManifestFileName));
  EXPECT_EQ(read_manifest(folder.path(kManifestFileName)), some_manifest());
  EXPECT_EQ(some_manifest().identity(), read_manifest(folder.path(kManifestFileName)).identity());
}

TEST(ManifestJson, KeepsShardsAndTokenizer) {
  CorpusManifest manifest = some_manifest();
  manifest.tokenizer = "sentencepiece";
  manifest.tokenizer_file = "tokenizer.model";
  manifest.tokenizer_sha256 = std::string(64, 'e');
  manifest.token_bytes = 4;
  manifest.shards = {{"/data/a.bin", 1024, 21212180, 2, 42425384, 1764000000, "MIT"},
                     {"b.npy", 128, 1, 8, 136, -1, "not stated"}};
  EXPECT_EQ(parse_manifest(manifest_json(manifest), "m.json"), manifest);
  json bad = json::parse(manifest_json(manifest));
  bad["shards"][1]["token_bytes"] = 3;
  EXPECT_THAT(message_of<Error>([&] { parse_manifest(bad.dump(), "m.json"); }),
              HasSubstr("m.json: shards[1].token_bytes: must be 1, 2, 4 or 8"));
}

// As version 0.1.0 wrote them; its trials name this identity.
TEST(ManifestJson, OldByteCorporaStillOpenAndKeepTheirIdentity) {
  const CorpusManifest manifest = parse_manifest(R"({
    "name": "classics", "tokenizer": "bytes", "vocab": 256, "token_bytes": 1, "tokens": 21212181,
    "text_bytes": 21212181,
    "tokens_sha256": "45be836d79d7b0b0bc6d73177620557e3717c43b564116acd9b18d282bd3815e",
    "block_tokens": 65536, "split_seed": 0, "heldout_fraction": 0.05, "train_tokens": 19508245,
    "heldout_tokens": 1703936, "sources": []})",
                                                 "m.json");
  EXPECT_EQ(manifest.identity(),
            "43466ddaa6343f4cb363e637bd099187a8d6e5b1b53781f689d6bcb2fc517516");
  EXPECT_TRUE(manifest.shards.empty());
  EXPECT_EQ(manifest.bytes_per_token(), 1.0);
}

TEST(ManifestJson, NamesFileAndFieldOfWhatIsMalformed) {
  const json good = json::parse(manifest_json(some_manifest()));
  const std::vector<std::pair<json, std::string>> changes = {
      {{{"tokens", nullptr}}, "m.json: tokens: is missing"},
      {{{"tokens", "many"}}, "m.json: tokens: is not a whole number"},
      {{{"tokens", 1.5}}, "m.json: tokens: is not a whole number"},
      {{{"tokens", 18446744073709551615u}}, "m.json: tokens: is not a whole number"},
      {{{"tokens", 0}}, "m.json: tokens: must be at least 1"},
      {{{"token_bytes", 3}}, "m.json: token_bytes: must be 1, 2 or 4"},
      {{{"block_tokens", -5}}, "m.json: block_tokens: must be at least 1"},
      {{{"heldout_fraction", 1}}, "m.json: heldout_fraction: must be between"},
      {{{"tokens_sha256", 7}}, "m.json: tokens_sha256: is not a text"},
      {{{"sources", 3}}, "m.json: sources: is not a list"},
  };
  for (const auto& [change, said] : changes) {
    json bad = good;
    bad.merge_patch(change);  // null removes
    EXPECT_THAT(message_of<Error>([&] { parse_manifest(bad.dump(), "m.json"); }), HasSubstr(said));
  }
  json bad = good;
  bad["sources"][1].erase("licence");
  EXPECT_THAT(message_of<Error>([&] { parse_manifest(bad.dump(), "m.json"); }),
              HasSubstr("m.json: sources[1].licence: is missing"));
  EXPECT_THAT(message_of<Error>([&] { parse_manifest("[1]", "m.json"); }),
              HasSubstr("not an object"));
  const std::string cut = manifest_json(some_manifest()).substr(0, 60);
  EXPECT_THAT(message_of<Error>([&] { parse_manifest(cut, "m.json"); }),
              ::testing::ContainsRegex("m.json:[0-9]+:[0-9]+: is not JSON"));
  EXPECT_THAT(message_of<Error>([] { parse_manifest("{\"tokens\": 1e999}", "m.json"); }),
              HasSubstr("m.json"));
}

TEST(FitJson, ReadsBackWhatItWrites) {
  EXPECT_EQ(parse_fit(fit_json(some_fit()), "f.json"), some_fit());
  EXPECT_EQ(parse_fit(fit_json(some_preset()), "f.json"), some_preset());
  const TempFolder folder;
  write_fit(some_fit(), folder.path("fit.json"));
  EXPECT_EQ(read_fit(folder.path("fit.json")), some_fit());
}

TEST(FitJson, KeepsWhatItsRunsWereAsNumbersTruthsAndWords) {
  LawFit fit = some_fit();
  fit.recipe = {{"model.mask_fraction", "0.3"},
                {"model.objective", "masked"},
                {"model.vocab", "256"},
                {"train.epsilon", "1e-10"},
                {"train.whole_words", "true"}};
  EXPECT_EQ(parse_fit(fit_json(fit), "f.json"), fit);
  const json text = json::parse(fit_json(fit))["recipe"];
  EXPECT_EQ(text["model.vocab"], 256);
  EXPECT_EQ(text["train.whole_words"], true);
  EXPECT_EQ(text["model.objective"], "masked");
  EXPECT_FALSE(json::parse(fit_json(some_fit())).contains("recipe"));
}

TEST(FitJson, ReadsBackAFitByApproach2Alone) {
  LawFit fit = some_fit();
  fit.approach = 2;
  fit.parameters = {};
  fit.draws.clear();
  // There was no search for a law.
  fit.objective = fit.gradient_norm = fit.residual_rms = fit.second_best = 0;
  fit.huber_delta = LawFit{}.huber_delta;
  fit.starts_tried = fit.starts_agreeing = 0;
  const std::string text = fit_json(fit);
  EXPECT_EQ(parse_fit(text, "f.json"), fit);
  EXPECT_EQ(json::parse(text)["exponents"]["a"]["value"], 0.49);
}

TEST(FitJson, KeepsWhatWasDoneToTheDataAndWhatWasFoundBesideTheLaw) {
  LawFit fit = some_fit();
  fit.set = "heldout:books";
  fit.where = "N > 1e8";
  fit.exclusions = {{"0-4", "warm-up too long"}};
  fit.constraints = {"E = 1.7"};
  fit.ranges = {{.name = "E", .value = 1.7, .low = 1.6, .high = 1.8},
                {.name = "beta",
                 .value = 0.4,
                 .low = 0.1,
                 .high = 2,
                 .high_open = true,
                 .why_flat = "runs to the bound"}};
  fit.noise = NoiseEstimate{.residual_sigma = 0.003,
                            .residual_degrees = 40,
                            .replicate_sigma = 0.002,
                            .replicate_degrees = 8,
                            .replicated_points = 4,
                            .evaluation_sigma = 0.001,
                            .lack_of_fit_ratio = 1.6,
                            .lack_of_fit_p = 0.004};
  fit.approaches = ApproachComparison{
      .flops = 1e23,
      .answers = {{.approach = 1, .code = "no_curves", .why_not = "there are none"},
                  {.approach = 3,
                   .usable = true,
                   .a = {.value = 0.5},
                   .b = {.value = 0.5},
                   .params = {.value = 3e10, .low = 2e10, .high = 4e10},
                   .tokens = {.value = 5e11},
                   .loss = Interval{.value = 2.0}}},
      .verdict = "one answer"};
  fit.diagnostics = Diagnostics{};
  fit.diagnostics->influence = Influence{.budget = 1e23, .method = "search"};
  fit.diagnostics->influence->rows = {
      {.row = 3, .trial = "t3", .run_params = 2e9, .run_tokens = 1e9, .params_ratio = 0.9}};
  fit.backtest->level = 0.9;
  fit.backtest->inside = 1;
  fit.backtest->rows = {{.row = 7,
                         .params = 1e9,
                         .tokens = 2e10,
                         .flops = 1.2e20,
                         .loss = 2.5,
                         .predicted = {.value = 2.51, .low = 2.49, .high = 2.53}}};
  EXPECT_EQ(parse_fit(fit_json(fit), "f.json"), fit);
  const json text = json::parse(fit_json(fit));
  EXPECT_EQ(text["influential"][0]["row"], 3);
  EXPECT_EQ(text["influential"][0]["params_ratio"], 0.9);
  EXPECT_EQ(text["covariance"].size(), 5u);
}

TEST(FitJson, LeavesACovarianceOutThatHasNoNumber) {
  LawFit fit;
  fit.parameters = {.E = 1, .A = 1, .B = 1, .alpha = 1, .beta = 1};
  fit.draws = {fit.parameters, fit.parameters};
  fit.draws[1].B = 1e200;
  const json text = json::parse(fit_json(fit));
  EXPECT_EQ(text.count("covariance"), 0u);
  EXPECT_EQ(text["draws"].size(), 2u);
}

TEST(FitJson, KeepsALawOfAnotherForm) {
  LawFit fit;
  fit.law = "muennighoff";
  fit.citation = "Muennighoff et al. 2023";
  fit.observations = 182;
  fit.r_squared = 0.77;
  fit.form = FormParameters{.form = "muennighoff",
                            .names = {"E", "R_D"},
                            .values = {1.9, 15.4},
                            .draws = {{1.8, 14.0}, {2.0, 17.5}}};
  EXPECT_EQ(parse_fit(fit_json(fit), "f.json"), fit);
  EXPECT_EQ(json::parse(fit_json(fit))["law"]["parameters"]["R_D"], 15.4);
  EXPECT_EQ(json::parse(fit_json(fit))["draw_columns"][1], "R_D");
}

TEST(FitJson, HoldsWhatScriptsRelyOn) {
  const json fit = json::parse(fit_json(some_fit()));
  EXPECT_EQ(fit["law"]["name"], "chinchilla");
  EXPECT_EQ(fit["law"]["parameters"]["E"].get<double>(), 1.0 / 3);
  EXPECT_EQ(fit["law"]["parameters"]["beta"], 0.3658);
  EXPECT_EQ(fit["approach"], 3);
  EXPECT_EQ(fit["objective"].get<double>(), 0.00101 / 3);
  EXPECT_EQ(fit["observations"], 240);
  EXPECT_EQ(fit["starts"]["tried"], 4500);
  EXPECT_EQ(fit["starts"]["agreeing"], 4000);
  EXPECT_EQ(fit["interval"]["level"], 0.8);
  EXPECT_EQ(fit["interval"]["method"], "row bootstrap");
  EXPECT_EQ(fit["interval"]["draws"], 101);
  EXPECT_EQ(fit["draw_columns"], json({"E", "A", "B", "alpha", "beta"}));
  EXPECT_EQ(fit["draws"][3], json({1.8, 403.0, 2000.0 / 3, 0.303, 0.37}));
  EXPECT_EQ(fit["flops"]["convention"], "exact");
  EXPECT_EQ(fit["flops"]["nodes"][1], json({1e9, 6.1e9}));
  EXPECT_EQ(fit["warnings"][0]["code"], "at_bound");
  // a = beta / (alpha + beta); alpha runs over 0.300..0.400 in 101 steps, so the 10 % and 90 %
  // quantiles of a are at alpha = 0.390 and 0.310 exactly.
  const json& a = fit["exponents"]["a"];
  EXPECT_DOUBLE_EQ(a["value"], 0.3658 / (0.3478 + 0.3658));
  EXPECT_NEAR(a["low"], 0.37 / (0.37 + 0.390), 1e-12);
  EXPECT_NEAR(a["high"], 0.37 / (0.37 + 0.310), 1e-12);
  EXPECT_NEAR(fit["exponents"]["b"]["low"].get<double>(), 1 - a["high"].get<double>(), 1e-12);
}

TEST(FitJson, LeavesOutWhatAPresetDoesNotKnow) {
  const json fit = json::parse(fit_json(some_preset()));
  for (const char* key :
       {"objective", "starts", "draws", "draw_columns", "isoflop", "backtest", "range", "source"}) {
    EXPECT_FALSE(fit.contains(key)) << key;
  }
  EXPECT_FALSE(fit["exponents"]["a"].contains("low"));
  EXPECT_FALSE(fit["flops"].contains("nodes"));
  EXPECT_EQ(fit["law"]["citation"], "Besiroglu et al. 2024");
}

TEST(FitJson, ReadsAMinimalFileByAnotherProgramAndIgnoresWhatItDoesNotKnow) {
  const LawFit fit = parse_fit(
      R"({"law": {"name": "mine", "parameters": {"E": 1, "A": 2, "B": 3, "alpha": 0.5, "beta": 1}}, "future": [1]})",
      "f.json");
  EXPECT_EQ(fit.law, "mine");
  EXPECT_EQ(fit.parameters, (LawParameters{1, 2, 3, 0.5, 1}));
  EXPECT_TRUE(fit.flops.is_six_n());
}

TEST(FitJson, NamesFileAndFieldOfWhatIsMalformed) {
  const json good = json::parse(fit_json(some_fit()));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {R"({"law": null})", "f.json: law: is missing"},
      {R"({"law": 3})", "f.json: law is not an object"},
      {R"({"law": {"parameters": null}})", "f.json: law.parameters: is missing"},
      {R"({"law": {"parameters": {"alpha": null}}})", "f.json: law.parameters.alpha: is missing"},
      {R"({"law": {"parameters": {"alpha": "x"}}})",
       "f.json: law.parameters.alpha: is not a number"},
      {R"({"law": {"parameters": {"alpha": -1}}})", "f.json: law.parameters: A, B, alpha"},
      {R"({"draws": [[1, 2, 3]]})", "f.json: draws[0]: is not a list of 5 numbers"},
      {R"({"draws": [[1, 2, 3, 4, 5], [1, 2, "x", 4, 5]]})", "f.json: draws[1]: is not"},
      {R"({"draws": [[1, -2, 3, 4, 5]]})", "f.json: draws[0]: A and B"},
      {R"({"interval": {"level": 90}})", "f.json: interval.level: must be between"},
      {R"({"flops": {"nodes": null}})", "f.json: flops.nodes: is missing"},
      {R"({"flops": {"nodes": [[1, -1]]}})", "f.json: flops.nodes:"},
      {R"({"starts": {"tried": 1.5}})", "f.json: starts.tried: is not a whole number"},
      {R"({"warnings": [3]})", "f.json: warnings[0] is not an object"},
      {R"({"isoflop": {"usable": 1}})", "f.json: isoflop.usable: is not true or false"},
  };
  json runaway = good;
  runaway.merge_patch(json::parse(R"({"draws": [[1, 2, 3, -0.4, 0.5]]})"));
  EXPECT_EQ(parse_fit(runaway.dump(), "f.json").draws[0].alpha, -0.4)
      << "a draw of few rows may say so; plans count it";
  for (const auto& [change, said] : changes) {
    json bad = good;
    bad.merge_patch(json::parse(change));
    EXPECT_THAT(message_of<Error>([&] { parse_fit(bad.dump(), "f.json"); }), HasSubstr(said))
        << change;
  }
}

TEST(FitJson, NeverWritesANumberThatIsNotFinite) {
  LawFit fit = some_fit();
  fit.draws[5].A = kNaN;
  EXPECT_THAT(message_of<Error>([&] { fit_json(fit); }), HasSubstr("is not finite"));
  fit = some_fit();
  fit.backtest->max_error = std::numeric_limits<double>::infinity();
  EXPECT_THAT(message_of<Error>([&] { fit_json(fit); }), HasSubstr("backtest.max_error"));
  fit = some_fit();
  fit.parameters.E = kNaN;
  EXPECT_THAT(message_of<Error>([&] { fit_json(fit); }), HasSubstr("law.parameters.E"));
}

Plan some_plan() {
  Plan plan;
  plan.flops = 5.76e23;
  plan.convention = "6nd";
  plan.law = "chinchilla";
  plan.params = {73.2e9, 60e9, 90e9};
  plan.tokens = {1.31e12, 1e12, 1.6e12};
  plan.loss = {.value = 1.974, .low = {}, .high = {}};
  plan.near_optimal = {.params_low = 50e9, .params_high = 106e9, .loss_difference = 0.001};
  plan.shape = {
      .model = {.layers = 80, .width = 8192}, .params = 70e9, .tokens = 1.37e12, .loss = 1.975};
  plan.extrapolation = 44;
  plan.warnings = {{"beyond_data", "44x beyond the data"}};
  return plan;
}

TEST(PlanJson, HoldsWhatScriptsRelyOn) {
  const json plan = json::parse(plan_json(some_plan()));
  EXPECT_EQ(plan["flops"], 5.76e23);
  EXPECT_EQ(plan["params"], json({{"value", 73.2e9}, {"low", 60e9}, {"high", 90e9}}));
  EXPECT_EQ(plan["tokens"]["high"], 1.6e12);
  EXPECT_EQ(plan["loss"], json({{"value", 1.974}}));
  EXPECT_EQ(plan["near_optimal"]["extra_compute"], 0.05);
  EXPECT_EQ(plan["near_optimal"]["params_high"], 106e9);
  EXPECT_EQ(plan["shape"]["layers"], 80);
  EXPECT_EQ(plan["shape"]["norm"], "rmsnorm");
  EXPECT_EQ(plan["law"]["name"], "chinchilla");
  EXPECT_EQ(plan["extrapolation"], 44);
  EXPECT_EQ(plan["warnings"][0]["code"], "beyond_data");
}

TEST(PlanJson, LeavesOutWhatIsNotKnownAndNeverWritesNaN) {
  Plan plan = some_plan();
  plan.extrapolation.reset();
  plan.shape = {};
  EXPECT_FALSE(json::parse(plan_json(plan)).contains("extrapolation"));
  EXPECT_FALSE(json::parse(plan_json(plan)).contains("shape"));
  plan.tokens.low = kNaN;
  EXPECT_THAT(message_of<Error>([&] { plan_json(plan); }), HasSubstr("tokens: is not finite"));
}

}  // namespace
}  // namespace isoflop
