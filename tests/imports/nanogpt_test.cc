#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const char* const kNanogptHead =
    "Overriding config with config/train_shakespeare_char.py:\n"
    "Overriding: max_iters = 500\n"
    "tokens per iteration will be: 16,384\n"
    "found vocab_size = 65 (inside data/shakespeare_char/meta.pkl)\n"
    "number of parameters: 10.65M\n"
    "num decayed parameter tensors: 26, with 10,740,096 parameters\n"
    "num non-decayed parameter tensors: 13, with 4,992 parameters\n";

const char* const kNanogptBody =
    "step 0: train loss 4.2874, val loss 4.2823\n"
    "iter 0: loss 4.2654, time 30000.00ms, mfu -100.00%\n"
    "iter 10: loss 3.2433, time 20.00ms, mfu 17.94%\n"
    "step 250: train loss 1.9653, val loss 2.0581\n"
    "saving checkpoint to out-shakespeare-char\n"
    "iter 250: loss 2.0102, time 4000.00ms, mfu 16.00%\n"
    "step 500: train loss 1.5261, val loss 1.7259\n";

TEST(NanogptOutput, GivesParametersTokensAndTheLastHeldOutLoss) {
  const RunImport read = import_text("shakespeare.txt", std::string(kNanogptHead) + kNanogptBody);
  EXPECT_EQ(read.format, "nanogpt");
  ASSERT_EQ(read.runs.size(), 1u);
  const Observation& seen = read.runs[0].observation;
  EXPECT_EQ(seen.trial, "shakespeare");
  EXPECT_EQ(seen.params, 10'740'096 + 4'992);
  EXPECT_EQ(seen.tokens, 500 * 16384);
  EXPECT_EQ(seen.loss, 1.7259);
  EXPECT_THAT(read.runs[0].provenance, HasSubstr("\"max_iters\":\"500\""));
}

TEST(NanogptOutput, RoundedParametersServeWhereNoExactOnesArePrinted) {
  const std::string text = std::string(
                               "tokens per iteration will be: 16,384\n"
                               "number of parameters: 10.65M\n") +
                           kNanogptBody;
  const RunImport read = import_text("a.log", text);
  EXPECT_EQ(read.runs.at(0).observation.params, 10.65e6);
  EXPECT_THAT(read.notes, Contains(HasSubstr("position embeddings")));
}

TEST(NanogptOutput, WhatIsNotPrintedIsAskedFor) {
  EXPECT_THAT(import_error("a.log", kNanogptBody), HasSubstr("--params"));
  EXPECT_THAT(import_error("a.log", kNanogptBody, {.params = 1e7}), HasSubstr("--batch-tokens"));
  const RunImport read = import_text("a.log", kNanogptBody, {.params = 1e7, .batch_tokens = 1000});
  EXPECT_EQ(read.runs.at(0).observation.tokens, 500'000);
}

TEST(NanogptOutput, AnEstimateGoesBeforeTheLossOfItsBatch) {
  const RunImport read = import_text("a.log", std::string(kNanogptHead) + kNanogptBody);
  const ImportedRun& run = read.runs.at(0);
  EXPECT_EQ(point_at(run, 250)->train_loss, 1.9653);
  EXPECT_EQ(point_at(run, 250)->heldout_loss, 2.0581);
  EXPECT_EQ(point_at(run, 10)->train_loss, 3.2433);
  // 10 steps at 20 ms, then 240 as long as the last of them; the time of step 0 is before any step.
  EXPECT_DOUBLE_EQ(point_at(run, 250)->seconds.value(), 10 * 0.02 + 240 * 4.0);
}

TEST(NanogptOutput, RestartsColoursProgressAndOtherRanksDoNoHarm) {
  const std::string text = std::string(kNanogptHead) + kNanogptBody +
                           "Resuming training from out\r\n"
                           "  3%|#   | 3/100 [00:01<00:30]\r"
                           "\x1b[32mstep 250: train loss 1.9000, val loss 2.0000\x1b[0m\r\n"
                           "[rank1]: iter 251: lo[rank0]: iter 252: loss 1.8000, time 4.00ms, mfu "
                           "16.00%\n"
                           "2026-01-01 00:00:00 | step 500: train loss 1.5000, val loss 1.7000\n";
  const RunImport read = import_text("a.log", text);
  const ImportedRun& run = read.runs.at(0);
  EXPECT_EQ(run.observation.loss, 1.7);
  EXPECT_EQ(point_at(run, 250)->heldout_loss, 2.0);
  EXPECT_EQ(point_at(run, 251), nullptr);
}

TEST(NanogptOutput, DoesNotBelieveATornLoss) {
  const std::string text = std::string(kNanogptHead) + kNanogptBody;
  EXPECT_EQ(import_text("a.log", text + "step 750: train loss 1.4000, val loss 1.6")
                .runs.at(0)
                .observation.loss,
            1.7259);
}

TEST(NanogptOutput, ATrainingLogWithoutEvaluationSaysSo) {
  const RunImport read = import_text(
      "a.log", std::string(kNanogptHead) + "iter 0: loss 4.2654, time 3.00ms, mfu -100.00%\n" +
                   "iter 10: loss 3.2433, time 20.00ms, mfu 17.94%\n");
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.2433);
  EXPECT_THAT(read.notes, Contains(HasSubstr("no held-out loss")));
}

TEST(NanogptOutput, OnlyAnEvaluationBeforeTheFirstStepIsNoResult) {
  const RunImport read = import_text(
      "a.log", std::string(kNanogptHead) + "step 0: train loss 4.2874, val loss 4.2823\n");
  EXPECT_TRUE(read.runs.empty());
  ASSERT_EQ(read.dropped.size(), 1u);
  EXPECT_THAT(read.dropped[0].why, HasSubstr("before any token"));
}

TEST(NanogptOutput, AFlagGoesBeforeTheLog) {
  const RunImport read = import_text("a.log", std::string(kNanogptHead) + kNanogptBody,
                                     {.params = 12e6, .batch_tokens = 8192});
  EXPECT_EQ(read.runs.at(0).observation.params, 12e6);
  EXPECT_EQ(read.runs[0].observation.tokens, 500 * 8192.0);
  EXPECT_THAT(read.notes, Not(Contains(HasSubstr("position embeddings"))));
}

}  // namespace
}  // namespace isoflop
