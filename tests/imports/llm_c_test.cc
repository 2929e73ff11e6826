#include <cstdio>

#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const ImportOptions kLlmcFlags{.params = 124e6, .batch_tokens = 524288};

const char* const kLlmcLog =
    "s:0 tel:10.9543\n"
    "s:0 eval:0.2478\n"
    "s:0 trl:10.9601 lr:0.000000 norm:15.31\n"
    "s:250 tel:4.5231\n"
    "s:250 trl:4.6012 lr:0.000210 norm:1.02\n"
    "s:500 tel:3.9127\n"
    "s:500 eval:0.2712\n";

TEST(LlmcLog, GivesTheLastHeldOutLossAtStepTimesBatch) {
  const RunImport read = import_text("runs/d12/main.log", kLlmcLog, kLlmcFlags);
  EXPECT_EQ(read.format, "llm.c");
  ASSERT_EQ(read.runs.size(), 1u);
  const ImportedRun& run = read.runs[0];
  EXPECT_EQ(run.source_id, "d12");
  EXPECT_EQ(run.observation.params, 124e6);
  EXPECT_EQ(run.observation.tokens, 500 * 524288.0);
  EXPECT_EQ(run.observation.loss, 3.9127);
  EXPECT_EQ(run.observation.flops, 6 * 124e6 * 500 * 524288.0);
  EXPECT_EQ(run.observation.extra.at("score"), 0.2712);
  EXPECT_THAT(run.derived, HasSubstr("[6nd]"));
  EXPECT_THAT(read.notes, Contains(HasSubstr("4 decimals")));
}

TEST(LlmcLog, KeepsTheCurveOfBothLosses) {
  const RunImport read = import_text("main.log", kLlmcLog, kLlmcFlags);
  const std::vector<ImportedPoint>& points = read.runs.at(0).points;
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[1], (ImportedPoint{.step = 250,
                                      .tokens = 250 * 524288.0,
                                      .train_loss = 4.6012,
                                      .heldout_loss = 4.5231,
                                      .rate = 0.00021,
                                      .grad_norm = 1.02}));
}

TEST(LlmcLog, ALaterLineForTheSameStepCounts) {
  const std::string restarted = std::string(kLlmcLog) + "s:250 tel:4.4000\ns:500 tel:3.8000\n";
  const RunImport read = import_text("main.log", restarted, kLlmcFlags);
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.8);
  EXPECT_EQ(point_at(read.runs[0], 250)->heldout_loss, 4.4);
  EXPECT_THAT(read.notes, Contains(HasSubstr("restart")));
}

TEST(LlmcLog, DoesNotBelieveATornNumber) {
  const RunImport torn =
      import_text("main.log", std::string(kLlmcLog) + "s:750 tel:3.7", kLlmcFlags);
  EXPECT_EQ(torn.runs.at(0).observation.loss, 3.9127);
  // Complete but for its line end.
  const RunImport whole =
      import_text("main.log", std::string(kLlmcLog) + "s:750 tel:3.7012", kLlmcFlags);
  EXPECT_EQ(whole.runs.at(0).observation.loss, 3.7012);
}

TEST(LlmcLog, PassesOverOtherLinesAndSaysHowMany) {
  const std::string text = "hello\r\ns:250 tel:4.5231\r\ns:300 tel:4.1s:301 trl:2.0\r\n\r\n";
  const RunImport read = import_text("main.log", text, kLlmcFlags);
  EXPECT_EQ(read.runs.at(0).observation.loss, 4.5231);
  EXPECT_EQ(read.runs[0].line, 2);
  EXPECT_THAT(read.notes, Contains(HasSubstr("2 lines are not of llm.c's log")));
}

TEST(LlmcLog, SaysWhichFlagIsMissing) {
  EXPECT_THAT(import_error("main.log", kLlmcLog), HasSubstr("--params"));
  EXPECT_THAT(import_error("main.log", kLlmcLog, {.params = 1e8}), HasSubstr("--batch-tokens"));
}

TEST(LlmcLog, WithoutAUsableLineSaysWhatOneLooksLike) {
  EXPECT_THAT(import_error("x.log", "nothing\n", {.format = "llm.c"}),
              HasSubstr("s:250 tel:3.8671"));
}

TEST(LlmcLog, ARunThatEndsInNaNHasDiverged) {
  const RunImport read =
      import_text("main.log", std::string(kLlmcLog) + "s:750 tel:nan\n", kLlmcFlags);
  EXPECT_TRUE(read.runs.empty());
  ASSERT_EQ(read.dropped.size(), 1u);
  EXPECT_THAT(read.dropped[0].why, HasSubstr("diverged"));
}

TEST(LlmcLog, TrainingLossStandsInWhereThereIsNoOther) {
  const RunImport read =
      import_text("main.log", "s:100 trl:5.0000 lr:0.000100 norm:1.00\n", kLlmcFlags);
  EXPECT_EQ(read.runs.at(0).observation.loss, 5);
  EXPECT_THAT(read.notes, Contains(HasSubstr("no held-out loss")));
}

TEST(LlmcLog, AMillionLinesAreRead) {
  std::string text;
  char line[80];
  for (int step = 0; step < 1'000'000; ++step) {
    text.append(line, std::snprintf(line, sizeof line, "s:%d trl:3.1234 lr:0.000600\n", step));
  }
  text += "s:1000000 tel:3.0000\n";
  const RunImport read = import_text("main.log", text, kLlmcFlags);
  EXPECT_EQ(read.runs.at(0).points.size(), 1'000'001u);
  EXPECT_EQ(read.runs[0].observation.loss, 3);
}

TEST(LlmcLog, RefusesStepsBeyondANumber) {
  EXPECT_THAT(import_error("x.log", "s:99999999999999999999 tel:3.0000\n", {.format = "llm.c"}),
              HasSubstr("no usable line"));
}

TEST(LlmcLog, AnotherConventionNeedsTheShape) {
  ImportOptions options = kLlmcFlags;
  options.convention = FlopConvention::kExact;
  options.convention_named = true;
  EXPECT_THAT(import_error("main.log", kLlmcLog, options), HasSubstr("shape"));
}

}  // namespace
}  // namespace isoflop
