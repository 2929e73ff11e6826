#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const char* const kTrainerState = R"({
  "best_metric": null,
  "global_step": 200,
  "log_history": [
    {"epoch": 0.1, "step": 100, "loss": 5.5, "learning_rate": 0.0006, "grad_norm": 1.5,
     "num_input_tokens_seen": 1000000},
    {"epoch": 0.1, "step": 100, "eval_loss": 5.6, "eval_runtime": 3.1},
    {"epoch": 0.2, "step": 200, "loss": 4.5, "learning_rate": 0.0003, "grad_norm": NaN},
    {"epoch": 0.2, "step": 200, "eval_loss": 4.6},
    {"epoch": 0.2, "step": 200, "total_flos": 1.2e15, "train_loss": 5.0, "train_runtime": 88.5}
  ],
  "max_steps": 200,
  "num_input_tokens_seen": 2000000,
  "total_flos": 1.2e15,
  "train_batch_size": 8
})";

TEST(TrainerState, GivesTokensThatTheTrainerCounted) {
  const RunImport read =
      import_text("runs/small/checkpoint-200/trainer_state.json", kTrainerState, {.params = 124e6});
  EXPECT_EQ(read.format, "hf-trainer");
  ASSERT_EQ(read.runs.size(), 1u);
  const ImportedRun& run = read.runs[0];
  EXPECT_EQ(run.source_id, "small");
  EXPECT_EQ(run.observation.tokens, 2'000'000);
  EXPECT_EQ(run.observation.loss, 4.6);
  EXPECT_EQ(run.observation.flops, 6 * 124e6 * 2e6);
  EXPECT_THAT(run.provenance, HasSubstr("\"max_steps\":200"));
}

TEST(TrainerState, TotalFlosCountsWithoutEmbeddings) {
  const RunImport read = import_text("trainer_state.json", kTrainerState, {.params = 124e6});
  EXPECT_DOUBLE_EQ(read.runs.at(0).observation.extra.at("nonembedding_params"), 1.2e15 / 12e6);
  EXPECT_THAT(read.notes, Contains(HasSubstr("kaplan")));
  const RunImport kaplan = import_text(
      "trainer_state.json", kTrainerState,
      {.convention = FlopConvention::kKaplan, .convention_named = true, .params = 124e6});
  EXPECT_EQ(kaplan.runs.at(0).observation.flops, 1.2e15);
  EXPECT_EQ(kaplan.runs[0].derived, "");
  EXPECT_EQ(kaplan.convention, FlopConvention::kKaplan);
}

TEST(TrainerState, NaNOfPythonIsRead) {
  const RunImport read = import_text("trainer_state.json", kTrainerState, {.params = 124e6});
  EXPECT_FALSE(point_at(read.runs.at(0), 200)->grad_norm);
  EXPECT_EQ(point_at(read.runs[0], 200)->train_loss, 4.5);
  EXPECT_EQ(point_at(read.runs[0], 200)->seconds, 88.5);
  std::string diverged = kTrainerState;
  diverged.replace(diverged.find("\"eval_loss\": 4.6"), 16, "\"eval_loss\": NaN");
  EXPECT_THAT(import_text("trainer_state.json", diverged, {.params = 1e8}).dropped.at(0).why,
              HasSubstr("diverged"));
}

TEST(TrainerState, WithoutTokensAsksForTheBatch) {
  std::string text = kTrainerState;
  text.replace(text.find("\"num_input_tokens_seen\": 2000000"), 32,
               "\"num_input_tokens_seen\": 0      ");
  text.replace(text.find(",\n     \"num_input_tokens_seen\": 1000000"), 38, "");
  EXPECT_THAT(import_error("trainer_state.json", text, {.params = 1e8}),
              HasSubstr("--batch-tokens"));
  const RunImport read =
      import_text("trainer_state.json", text, {.params = 1e8, .batch_tokens = 8192});
  EXPECT_EQ(read.runs.at(0).observation.tokens, 200 * 8192.0);
}

TEST(TrainerState, WithoutParametersSaysWhatItKnows) {
  const std::string error = import_error("trainer_state.json", kTrainerState);
  EXPECT_THAT(error, HasSubstr("--params"));
  EXPECT_THAT(error, HasSubstr("without embeddings they are 100M"));
}

TEST(TrainerState, OfSeveralHeldOutSetsOneMustBeNamed) {
  const std::string text = R"({"global_step": 10, "log_history": [
    {"step": 10, "eval_c4_loss": 3.5, "eval_pile_loss": 3.0}]})";
  EXPECT_THAT(import_error("t.json", text, {.params = 1e8, .batch_tokens = 10}),
              HasSubstr("--map loss=eval_c4_loss"));
  ImportOptions options{.params = 1e8, .batch_tokens = 10};
  options.map.loss = "eval_pile_loss";
  EXPECT_EQ(import_text("t.json", text, options).runs.at(0).observation.loss, 3);
  options.map.loss = "eval_books_loss";
  EXPECT_THAT(import_error("t.json", text, options), HasSubstr("no entry"));
}

TEST(TrainerState, WhatIsNotJsonIsSaidByLineAndColumn) {
  const std::string text = "{\"global_step\": 1,\n \"log_history\": [oops]}";
  EXPECT_THAT(import_error("t.json", text), HasSubstr("t.json:2:18"));
  EXPECT_THAT(import_error("t.json", "{\"global_step\": 1, \"log_history\": 3}"),
              HasSubstr("not a list"));
}

TEST(TrainerState, StrangeEntriesArePassedOver) {
  const std::string text = R"({"global_step": 10, "log_history": [7, null, {"loss": 1},
    {"step": -4, "loss": 2}, {"step": 1e300, "loss": 2}, {"step": "ten"},
    {"step": 10, "loss": 3.5}]})";
  const RunImport read = import_text("t.json", text, {.params = 1e8, .batch_tokens = 10});
  EXPECT_EQ(read.runs.at(0).points.size(), 1u);
}

}  // namespace
}  // namespace isoflop
