// The decoder's runner on Zipf facts, whose law is known. Without LibTorch: that it says what to
// do.
#include "trainer/transformer_runner.h"

#include <cmath>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/schedule.h"

namespace isoflop {
namespace {

CorpusManifest no_corpus(const std::string&) { throw failure("no corpus in this test"); }

Trial facts_trial() {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.model.context = 64;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 64;
  trial.train.tokens = 64 * 4 * 150;
  trial.train.rate = 0.01;
  trial.eval_windows = 64;
  return trial;
}

#ifdef ISOFLOP_TEST_HAS_TORCH

struct Trained {
  Outcome outcome;
  std::vector<CurvePoint> curve;
};

Trained run(
    const Trial& trial, std::function<bool(double)> should_stop = [](double) { return false; }) {
  Trained result;
  RunContext context;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    result.curve.insert(result.curve.end(), points.begin(), points.end());
  };
  context.should_stop = std::move(should_stop);
  result.outcome = make_transformer_runner(no_corpus)->run({&trial, 1}, context).front();
  return result;
}

TEST(TransformerRunner, LearnsAndSaysHowFarAboveTheEntropyItIs) {
  const Trained result = run(facts_trial());
  ASSERT_EQ(result.outcome.status, OutcomeStatus::kDone) << result.outcome.reason;
  EXPECT_EQ(result.outcome.reason, "");
  EXPECT_EQ(result.outcome.steps, 150);
  EXPECT_EQ(result.outcome.tokens, 64 * 4 * 150);
  const Evaluation& evaluation = result.outcome.evaluations.at(0);
  EXPECT_EQ(evaluation.tokens, 64 * 64);
  EXPECT_LT(evaluation.loss, std::log(32) - 0.3);  // ln V is where it starts
  EXPECT_GT(evaluation.standard_error, 0);
  ASSERT_TRUE(evaluation.excess && evaluation.excess_error);
  EXPECT_GT(*evaluation.excess, 0);
  // The control variate: the data's own noise cancels.
  EXPECT_LT(*evaluation.excess_error, evaluation.standard_error);
  EXPECT_FALSE(evaluation.bits_per_byte);
}

TEST(TransformerRunner, CurvesCountTokensAndFlopsAndFall) {
  const Trial trial = facts_trial();
  const Trained result = run(trial);
  EXPECT_GE(result.curve.size(), 90u);
  const CurvePoint& last = result.curve.back();
  EXPECT_EQ(last.step, 150);
  EXPECT_EQ(last.tokens, trial.train.tokens);
  EXPECT_NEAR(last.flops, total_flops(trial, FlopConvention::kExact), 1e-3);
  EXPECT_LT(last.train_loss, result.curve.front().train_loss);
  int evaluated = 0;
  for (size_t i = 1; i < result.curve.size(); ++i) {
    EXPECT_GT(result.curve[i].step, result.curve[i - 1].step);
    EXPECT_GE(result.curve[i].seconds, result.curve[i - 1].seconds);
    evaluated += result.curve[i].heldout_loss.has_value();
  }
  EXPECT_EQ(evaluated, 0);  // the first glance is at step 256
}

TEST(TransformerRunner, SameSeedSameLossesToTheBit) {
  const Trained one = run(facts_trial()), two = run(facts_trial());
  EXPECT_EQ(one.outcome.evaluations.at(0).loss, two.outcome.evaluations.at(0).loss);
  ASSERT_EQ(one.curve.size(), two.curve.size());
  for (size_t i = 0; i < one.curve.size(); ++i) {
    EXPECT_EQ(one.curve[i].train_loss, two.curve[i].train_loss);
    EXPECT_EQ(one.curve[i].grad_norm, two.curve[i].grad_norm);
  }
  Trial other = facts_trial();
  other.seed = 2;
  EXPECT_NE(run(other).outcome.evaluations.at(0).loss, one.outcome.evaluations.at(0).loss);
}

TEST(TransformerRunner, AnAbsurdRateIsDivergedAndNotAnError) {
  Trial trial = facts_trial();
  trial.train.rate = 1e6;
  trial.train.clip = 0;
  const Trained result = run(trial);
  EXPECT_EQ(result.outcome.status, OutcomeStatus::kDiverged);
  EXPECT_NE(result.outcome.reason.find("step"), std::string::npos);
  EXPECT_TRUE(result.outcome.evaluations.empty());
}

TEST(TransformerRunner, StopsWhenAskedAndSaysHowFarItCame) {
  const Trained result = run(facts_trial(), [](double tokens) { return tokens >= 64 * 4 * 10; });
  EXPECT_EQ(result.outcome.status, OutcomeStatus::kInterrupted);
  EXPECT_EQ(result.outcome.steps, 10);
  EXPECT_EQ(result.outcome.tokens, 64 * 4 * 10);
}

TEST(TransformerRunner, RefusesADeviceThatIsNotThere) {
  const Trial trial = facts_trial();
  RunContext context{.device = "tpu"};
  EXPECT_THROW(make_transformer_runner(no_corpus)->run({&trial, 1}, context), Error);
}

#else

TEST(TransformerRunner, SaysWhatToInstallWhereLibTorchIsLeftOut) {
  EXPECT_FALSE(has_torch());
  try {
    make_transformer_runner(no_corpus);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("./scripts/setup"), std::string::npos);
  }
  EXPECT_EQ(steps_of(facts_trial()), 150);
}

#endif

}  // namespace
}  // namespace isoflop
