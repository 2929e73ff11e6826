#include "io/hyper_json.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"
#include "io/json.h"
#include "io/tuned_runs_csv.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

TEST(HyperJson, ALawComesBackAsItWas) {
  HyperLaw law{.name = "own",
               .citation = "fitted",
               .counted = CountedParams::kLinear,
               .params = {1e5, 3e6},
               .tokens_per_param = {20, 40},
               .warmup_per_param = 1,
               .level = 0.8};
  law.rate = HyperTerm{.power = {.coefficient = 1.0 / 3, .params = -0.45}};
  law.rate->draws = {{.coefficient = 0.1, .params = -0.4, .tokens = 0.1, .flops = 0},
                     {.coefficient = 0.2, .params = -0.5, .tokens = 0.1, .flops = 1e-3}};
  EXPECT_EQ(parse_hyper_law(hyper_law_json(law), "law.json"), law);
  for (const HyperLaw& published : published_hyper_laws()) {
    EXPECT_EQ(parse_hyper_law(hyper_law_json(published), "law.json"), published);
  }
}

TEST(HyperJson, WhatIsNoLawIsNamedWithItsFile) {
  const auto read = [](const char* text) {
    return message_of<Error>([&] { parse_hyper_law(text, "x.json"); });
  };
  EXPECT_THAT(read("{}"), HasSubstr("x.json: kind: is not a law of rates"));
  EXPECT_THAT(read(R"({"kind": "hyper_law", "name": "a"})"), HasSubstr("and so is batch"));
  EXPECT_THAT(read(R"({"kind": "hyper_law", "name": "a", "rate": {"coefficient": 0}})"),
              HasSubstr("rate.coefficient: must be above 0"));
  const auto with = [&](const std::string& rest) {
    return message_of<Error>([&] {
      parse_hyper_law(
          R"({"kind": "hyper_law", "name": "a", "rate": {"coefficient": 1}, )" + rest + "}",
          "x.json");
    });
  };
  for (const char* level : {"7", "0", "1", "-0.5"}) {
    EXPECT_THAT(with(std::string("\"level\": ") + level), HasSubstr("level: must be between"));
  }
  EXPECT_THAT(with(R"("warmup_per_param": -3)"), HasSubstr("warmup_per_param: must be 0 or more"));
  EXPECT_THAT(with(R"("range": {"params": {"low": 3, "high": 2}})"), HasSubstr("high: is below"));
}

TEST(HyperJson, LossesOfDivergedRunsAreNull) {
  HyperFit fit{.law = {.name = "own"}, .runs = 3};
  fit.rate = {.of = "rate",
              .rungs = {{.params = 1e6,
                         .tokens = 2e7,
                         .values = {1e-3, 2e-3},
                         .losses = {2, std::numeric_limits<double>::infinity()},
                         .state = RungState::kBesideDiverged,
                         .best = 1e-3}},
              .refused = "too_few_rungs",
              .why = "because"};
  const Json json = parse_json(tune_json(std::nullopt, fit), "answer");
  EXPECT_TRUE(json["fit"]["rate"]["rungs"][0]["losses"][1].is_null());
  EXPECT_EQ(json["fit"]["rate"]["rungs"][0]["state"], "beside_diverged");
  EXPECT_EQ(json["fit"]["rate"]["refused"], "too_few_rungs");
}

TEST(TunedRunsCsv, ColumnsByUsualNamesOrByTheMap) {
  const std::string usual = "N,D,lr,batch_size,val_loss,recipe\n1M,20M,1e-3,65536,2.5,a\n";
  const TunedRun run = tuned_runs_from(parse_csv(usual, "t"), "t").at(0);
  EXPECT_EQ(run.params, 1e6);
  EXPECT_EQ(run.tokens, 2e7);
  EXPECT_EQ(run.rate, 1e-3);
  EXPECT_EQ(run.batch, 65536);
  EXPECT_EQ(run.loss, 2.5);
  EXPECT_EQ(run.group, "a");
  const std::string own = "size,D,eta,final\n1M,20M,1e-3,nan\n";
  const TunedRun mapped =
      tuned_runs_from(parse_csv(own, "t"), "t", "params=size,rate=eta,loss=final").at(0);
  EXPECT_EQ(mapped.batch, 0);
  EXPECT_FALSE(std::isfinite(mapped.loss));  // it diverged
}

TEST(TunedRunsCsv, WhatIsMissingIsSaid) {
  const Table table = parse_csv("N,D,loss\n1M,20M,2\n", "t.csv");
  EXPECT_THAT(message_of<Error>([&] { tuned_runs_from(table, "t.csv"); }),
              HasSubstr("t.csv:1: no column holds rate"));
  EXPECT_THAT(message_of<Error>([&] { tuned_runs_from(table, "t.csv", "rat=lr"); }),
              HasSubstr("did you mean rate=COLUMN?"));
  const Table bad = parse_csv("N,D,lr,loss\n1M,20M,0,2\n", "t.csv");
  EXPECT_THAT(message_of<Error>([&] { tuned_runs_from(bad, "t.csv"); }), HasSubstr("t.csv:2: lr"));
}

}  // namespace
}  // namespace isoflop
