#include "trainer/tabular_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tabular_learner.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

Trial tabular_trial(double params, double tokens) {
  Trial trial;
  trial.trainer = "tabular";
  trial.tabular_params = params;
  trial.train.tokens = tokens;
  return trial;
}

TEST(TabularRunner, GivesTheExactLossAndItsExcess) {
  const std::vector<Trial> pack = {tabular_trial(1e4, 1e7), tabular_trial(1e5, 1e6)};
  RunContext context;
  const auto outcomes = TabularRunner().run(pack, context);
  ASSERT_EQ(outcomes.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(outcomes[i].status, OutcomeStatus::kDone);
    EXPECT_TRUE(outcomes[i].reason.empty());
    ASSERT_EQ(outcomes[i].evaluations.size(), 1u);
    const Evaluation& evaluation = outcomes[i].evaluations[0];
    const TabularLearner learner(pack[i].data);
    EXPECT_EQ(evaluation.loss, learner.loss(pack[i].tabular_params, pack[i].train.tokens));
    EXPECT_NEAR(*evaluation.excess, evaluation.loss - learner.entropy_rate(), 1e-15);
    EXPECT_EQ(evaluation.standard_error, 0);
    EXPECT_FALSE(evaluation.bits_per_byte.has_value());
    EXPECT_EQ(outcomes[i].tokens, pack[i].train.tokens);
  }
}

TEST(TabularRunner, RecordsACurveThatFallsToTheFinalLoss) {
  const Trial trial = tabular_trial(1e4, 1e7);
  std::vector<CurvePoint> curve;
  RunContext context;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    curve.insert(curve.end(), points.begin(), points.end());
  };
  const auto outcomes = TabularRunner().run({&trial, 1}, context);
  ASSERT_EQ(curve.size(), 8u);
  for (size_t i = 1; i < curve.size(); ++i) {
    EXPECT_EQ(curve[i].tokens, 2 * curve[i - 1].tokens);
    EXPECT_EQ(curve[i].step, curve[i - 1].step + 1);
    EXPECT_LT(*curve[i].heldout_loss, *curve[i - 1].heldout_loss);
  }
  EXPECT_EQ(curve.back().tokens, 1e7);
  EXPECT_EQ(curve.back().flops, 6e11);
  EXPECT_EQ(*curve.back().heldout_loss, outcomes[0].evaluations[0].loss);
  EXPECT_EQ(outcomes[0].steps, 8);
}

TEST(TabularRunner, StopsWhenAsked) {
  const Trial trial = tabular_trial(1e4, 1e7);
  int asked = 0;
  RunContext context;
  context.should_stop = [&](double) { return ++asked == 4; };
  const auto outcomes = TabularRunner().run({&trial, 1}, context);
  EXPECT_EQ(outcomes[0].status, OutcomeStatus::kInterrupted);
  EXPECT_EQ(outcomes[0].steps, 3);
  EXPECT_TRUE(outcomes[0].evaluations.empty());
}

TEST(TabularRunner, OneTrialThatCannotRunDoesNotFailTheOthers) {
  std::vector<Trial> pack(3, tabular_trial(1e4, 1e7));
  pack[0].data.zipf_alpha = -1;
  pack[1].trainer = "decoder";
  RunContext context;
  const auto outcomes = TabularRunner().run(pack, context);
  EXPECT_EQ(outcomes[0].status, OutcomeStatus::kFailed);
  EXPECT_THAT(outcomes[0].reason, HasSubstr("zipf_alpha"));
  EXPECT_EQ(outcomes[1].status, OutcomeStatus::kFailed);
  EXPECT_THAT(outcomes[1].reason, HasSubstr("not tabular"));
  EXPECT_EQ(outcomes[2].status, OutcomeStatus::kDone);
}

TEST(TabularRunner, SaysHowOftenItsDataWereSeen) {
  Trial trial = tabular_trial(1e4, 1e7);
  RunContext context;
  Outcome outcome = TabularRunner().run({&trial, 1}, context).front();
  EXPECT_EQ(outcome.unique_tokens, 1e7);
  trial.data.unique_tokens = 2.5e6;
  outcome = TabularRunner().run({&trial, 1}, context).front();
  EXPECT_EQ(outcome.unique_tokens, 2.5e6);
  EXPECT_EQ(outcome.epochs, 4);
  const TabularLearner learner(DataSpec{});
  EXPECT_EQ(outcome.evaluations[0].loss, learner.loss(1e4, 2.5e6));
}

}  // namespace
}  // namespace isoflop
