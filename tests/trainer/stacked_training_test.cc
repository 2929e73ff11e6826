// Trials in a stack against the same trials alone.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/stacked_training.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <map>

#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

// Float32 sums in another order, over a hundred steps at a high rate.
constexpr double kDrift = 2e-4;

Trial stacked_trial(std::int64_t seed, std::int64_t steps = 60) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.model.context = 32;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 32;
  trial.train.batch = 4;
  trial.train.tokens = static_cast<double>(steps * 4 * 32);
  trial.train.rate = 0.005;
  trial.seed = seed;
  trial.eval_windows = 16;
  return trial;
}

struct StackRun {
  std::vector<Outcome> outcomes;
  std::vector<std::map<std::int64_t, CurvePoint>> curves;
  std::vector<std::size_t> order;  // in which they ended
};

CorpusManifest no_stack_corpus(const std::string&) { throw failure("no corpus in this test"); }

// `make_context` gives trial k's.
StackRun run_together(const std::vector<Trial>& trials,
                      const std::function<RunContext(std::size_t)>& make_context) {
  StackRun run;
  run.curves.resize(trials.size());
  std::vector<RunContext> contexts;
  for (std::size_t k = 0; k < trials.size(); ++k) {
    contexts.push_back(make_context(k));
    contexts[k].record_curve = [&run, k](std::span<const CurvePoint> points) {
      for (const CurvePoint& point : points) run.curves[k][point.step] = point;
    };
    contexts[k].ended = [&run, k](const Outcome&) { run.order.push_back(k); };
  }
  std::vector<RunContext*> pointers;
  for (RunContext& context : contexts) pointers.push_back(&context);
  run.outcomes = make_transformer_runner(no_stack_corpus)->run_stack(trials, pointers);
  return run;
}

StackRun run_together(const std::vector<Trial>& trials) {
  return run_together(trials, [](std::size_t) { return RunContext(); });
}

StackRun run_alone(const Trial& trial, RunContext context = {}) {
  StackRun run;
  run.curves.resize(1);
  context.record_curve = [&](std::span<const CurvePoint> points) {
    for (const CurvePoint& point : points) run.curves[0][point.step] = point;
  };
  run.outcomes = make_transformer_runner(no_stack_corpus)->run({&trial, 1}, context);
  return run;
}

double loss_of(const Outcome& outcome) { return outcome.evaluations.at(0).loss; }

void expect_same(const StackRun& stack, std::size_t k, const Trial& trial) {
  const StackRun alone = run_alone(trial);
  const Outcome &one = alone.outcomes[0], &other = stack.outcomes[k];
  ASSERT_EQ(other.status, OutcomeStatus::kDone) << other.reason;
  EXPECT_NEAR(loss_of(one), loss_of(other), kDrift);
  EXPECT_NEAR(one.evaluations[0].standard_error, other.evaluations[0].standard_error, kDrift);
  EXPECT_NEAR(*one.evaluations[0].excess, *other.evaluations[0].excess, kDrift);
  EXPECT_EQ(one.steps, other.steps);
  EXPECT_EQ(one.tokens, other.tokens);
  EXPECT_EQ(one.unique_tokens, other.unique_tokens);
  ASSERT_EQ(alone.curves[0].size(), stack.curves[k].size());
  for (const auto& [step, point] : alone.curves[0]) {
    const CurvePoint& found = stack.curves[k].at(step);
    EXPECT_NEAR(point.train_loss, found.train_loss, kDrift) << step;
    EXPECT_NEAR(point.grad_norm, found.grad_norm, 100 * kDrift) << step;
    EXPECT_EQ(point.rate, found.rate) << step;
    EXPECT_EQ(point.heldout_loss.has_value(), found.heldout_loss.has_value()) << step;
  }
}

struct StackedTrainingTest : testing::Test {
  fs::path dir = fs::path(testing::TempDir()) /
                 ("isoflop-stacked-" + std::to_string(::getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  StackedTrainingTest() { fs::remove_all(dir); }
  ~StackedTrainingTest() override { fs::remove_all(dir); }

  RunContext keeping(double stop_at_tokens = 1e18) const {
    RunContext context;
    context.checkpoint_dir = dir.string();
    context.should_stop = [=](double tokens) { return tokens >= stop_at_tokens; };
    return context;
  }
};

TEST_F(StackedTrainingTest, SeedsInAStackEndAsTheyDoAlone) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2), stacked_trial(3)};
  const StackRun stack = run_together(trials);
  for (std::size_t k = 0; k < trials.size(); ++k) expect_same(stack, k, trials[k]);
}

TEST_F(StackedTrainingTest, RatesDecaysAndClippingsMayDiffer) {
  std::vector<Trial> trials(4, stacked_trial(1, 300));  // long enough for a glance
  trials[1].train.rate = 0.0025;
  trials[2].train.rate = 0.01;
  trials[2].train.weight_decay = 0.3;
  trials[3].train.clip = 0.2;
  const StackRun stack = run_together(trials);
  EXPECT_TRUE(stack.curves[0].at(256).heldout_loss);
  for (std::size_t k = 0; k < trials.size(); ++k) expect_same(stack, k, trials[k]);
}

TEST_F(StackedTrainingTest, MaskedModelsAreStackedToo) {
  std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  for (Trial& trial : trials) {
    trial.model.objective = Objective::kMasked;
    trial.model.vocab += special_tokens(trial.model);
  }
  const StackRun stack = run_together(trials);
  for (std::size_t k = 0; k < trials.size(); ++k) {
    const StackRun alone = run_alone(trials[k]);
    ASSERT_EQ(stack.outcomes[k].status, OutcomeStatus::kDone) << stack.outcomes[k].reason;
    EXPECT_NEAR(loss_of(stack.outcomes[k]), loss_of(alone.outcomes[0]), kDrift);
  }
}

TEST_F(StackedTrainingTest, MicroBatchesAddUp) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  const StackRun stack = run_together(trials, [](std::size_t) {
    RunContext context;
    context.micro_batch = 3;
    return context;
  });
  for (std::size_t k = 0; k < trials.size(); ++k) expect_same(stack, k, trials[k]);
}

TEST_F(StackedTrainingTest, OneThatDivergesEndsAndTheOthersGoOn) {
  std::vector<Trial> trials{stacked_trial(1), stacked_trial(2), stacked_trial(3)};
  trials[1].train.rate = 1e30;
  const StackRun stack = run_together(trials);
  EXPECT_EQ(stack.outcomes[1].status, OutcomeStatus::kDiverged);
  EXPECT_NE(stack.outcomes[1].reason.find("not finite"), std::string::npos);
  EXPECT_LT(stack.outcomes[1].steps, 20);
  ASSERT_EQ(stack.order.size(), 3u);
  EXPECT_EQ(stack.order[0], 1u) << "told when it happened";
  expect_same(stack, 0, trials[0]);
  expect_same(stack, 2, trials[2]);
}

TEST_F(StackedTrainingTest, OneThatIsToldToStopSavesAndCanEndAlone) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  const double half = trials[0].train.tokens / 2;
  const StackRun stack =
      run_together(trials, [&](std::size_t k) { return keeping(k == 0 ? half : 1e18); });
  EXPECT_EQ(stack.outcomes[0].status, OutcomeStatus::kInterrupted);
  expect_same(stack, 1, trials[1]);
  const StackRun rest = run_alone(trials[0], keeping());
  EXPECT_EQ(rest.outcomes[0].resumed_at, 30);
  EXPECT_NEAR(loss_of(rest.outcomes[0]), loss_of(run_alone(trials[0]).outcomes[0]), kDrift);
}

TEST_F(StackedTrainingTest, TrialsBegunAloneEndInAStackByTheStepTheyAreAt) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2), stacked_trial(3),
                                  stacked_trial(4)};
  for (const std::size_t k : {0, 2}) run_alone(trials[k], keeping(trials[k].train.tokens / 2));
  const StackRun stack = run_together(trials, [&](std::size_t) { return keeping(); });
  EXPECT_EQ(stack.outcomes[0].resumed_at, 30);
  EXPECT_EQ(stack.outcomes[2].resumed_at, 30);
  EXPECT_EQ(stack.outcomes[1].resumed_at, 0);
  for (std::size_t k = 0; k < trials.size(); ++k) expect_same(stack, k, trials[k]);
}

TEST_F(StackedTrainingTest, AStackThatWasStoppedGoesOn) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  run_together(trials, [&](std::size_t) { return keeping(trials[0].train.tokens / 2); });
  const StackRun stack = run_together(trials, [&](std::size_t) { return keeping(); });
  for (std::size_t k = 0; k < trials.size(); ++k) {
    EXPECT_EQ(stack.outcomes[k].resumed_at, 30);
    expect_same(stack, k, trials[k]);
  }
}

TEST_F(StackedTrainingTest, OneThatStoppedWithinAStepGoesOnToo) {
  const std::vector<Trial> trials{stacked_trial(1), stacked_trial(2), stacked_trial(3)};
  RunContext within = keeping(10 * 4 * 32 + 2 * 32);
  within.micro_batch = 2;
  run_alone(trials[1], within);
  const StackRun stack = run_together(trials, [&](std::size_t) {
    RunContext context = keeping();
    context.micro_batch = 2;
    return context;
  });
  EXPECT_EQ(stack.outcomes[1].resumed_at, 10);
  for (std::size_t k = 0; k < trials.size(); ++k) expect_same(stack, k, trials[k]);
}

TEST_F(StackedTrainingTest, LeavesATrunkForLongerTrials) {
  std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  for (Trial& trial : trials) {
    trial.train.schedule = "cooldown";
    trial.train.warmup_tokens = 10 * 4 * 32;
  }
  run_together(trials, [&](std::size_t) { return keeping(); });
  Trial longer = trials[1];
  longer.train.tokens *= 2;
  const StackRun branch = run_alone(longer, keeping());
  EXPECT_EQ(branch.outcomes[0].resumed_at, 48);  // 80 % of 60 steps
  EXPECT_NEAR(loss_of(branch.outcomes[0]), loss_of(run_alone(longer).outcomes[0]), kDrift);
}

TEST_F(StackedTrainingTest, TrainsInBfloat16) {
  std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  const StackRun exact = run_together(trials);
  for (Trial& trial : trials) trial.train.dtype = "bfloat16";
  const StackRun rounded = run_together(trials);
  for (std::size_t k = 0; k < trials.size(); ++k) {
    ASSERT_EQ(rounded.outcomes[k].status, OutcomeStatus::kDone);
    EXPECT_NE(loss_of(rounded.outcomes[k]), loss_of(exact.outcomes[k]));
    // 8 bits in products; the gap is well below what the seed makes of the loss.
    EXPECT_NEAR(loss_of(rounded.outcomes[k]), loss_of(exact.outcomes[k]), 0.02);
  }
}

// The same roundings, in another order of sums: within them a trial can begin in a stack and end
// alone.
TEST_F(StackedTrainingTest, TrialsInBfloat16HaveInAStackTheLossesThatTheyHaveAlone) {
  std::vector<Trial> trials{stacked_trial(1), stacked_trial(2)};
  for (Trial& trial : trials) {
    trial.train.dtype = "bfloat16";
    trial.model.layers = 6;
  }
  const StackRun stack = run_together(trials);
  for (std::size_t k = 0; k < trials.size(); ++k) {
    const StackRun alone = run_alone(trials[k]);
    double largest = 0;
    for (const auto& [step, point] : alone.curves[0]) {
      largest =
          std::max(largest, std::fabs(point.train_loss - stack.curves[k].at(step).train_loss));
    }
    EXPECT_LT(largest, 0.01);  // of losses between 2 and 4
    EXPECT_NEAR(loss_of(alone.outcomes[0]), loss_of(stack.outcomes[k]), 0.005);
  }
}

TEST(StackKey, IsEqualForWhatMayDiffer) {
  const Trial trial = stacked_trial(1);
  Trial other = stacked_trial(2);
  other.train.rate = 1;
  other.train.weight_decay = 0;
  other.train.clip = 0;
  EXPECT_FALSE(stack_key(trial).empty());
  EXPECT_EQ(stack_key(trial), stack_key(other));
  for (const auto& [key, value] : std::map<std::string, std::string>{{"train.tokens", "1280"},
                                                                     {"train.batch", "2"},
                                                                     {"train.beta2", "0.95"},
                                                                     {"train.schedule", "cooldown"},
                                                                     {"train.dtype", "bfloat16"},
                                                                     {"model.hidden", "16"},
                                                                     {"data.zipf_seed", "2"},
                                                                     {"eval_windows", "8"}}) {
    Trial unlike = trial;
    set_key(unlike, key, value);
    EXPECT_NE(stack_key(trial), stack_key(unlike)) << key;
  }
}

TEST(StackKey, IsEmptyForWhatRunsAlone) {
  Trial sparse = stacked_trial(1), tabular = stacked_trial(1);
  sparse.model.experts = 4;
  tabular.trainer = "tabular";
  EXPECT_EQ(stack_key(sparse), "");
  EXPECT_EQ(stack_key(tabular), "");
}

}  // namespace
}  // namespace isoflop
#endif
