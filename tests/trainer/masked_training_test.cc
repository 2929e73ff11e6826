// Masked models through the runner: what is evaluated, and that a trial which was stopped, killed
// or cut into micro-batches ends as one which was not.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

CorpusManifest of_no_corpus(const std::string&) { throw failure("no corpus in this test"); }

Trial masked_facts(std::int64_t steps) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.objective = Objective::kMasked;
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet + 1;
  trial.model.context = 32;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 64;
  trial.train.batch = 4;
  trial.train.tokens = static_cast<double>(steps * 4 * 32);
  trial.train.rate = 0.01;
  trial.eval_windows = 64;
  return trial;
}

Trial paired_facts(std::int64_t steps) {
  Trial trial = masked_facts(steps);
  trial.model.next_sentence = true;
  trial.model.vocab += 2;
  return trial;
}

struct MaskedRun {
  Outcome outcome;
  std::map<std::int64_t, double> curve;  // step -> training loss
};

MaskedRun train_masked(const Trial& trial, RunContext context = {}) {
  MaskedRun result;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    for (const CurvePoint& point : points) result.curve[point.step] = point.train_loss;
  };
  result.outcome = make_transformer_runner(of_no_corpus)->run({&trial, 1}, context).front();
  return result;
}

double loss_of(const MaskedRun& run) { return run.outcome.evaluations.at(0).loss; }

struct MaskedTraining : testing::Test {
  fs::path dir = fs::path(testing::TempDir()) /
                 ("isoflop-masked-" + std::to_string(::getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  MaskedTraining() { fs::remove_all(dir); }
  ~MaskedTraining() override { fs::remove_all(dir); }

  RunContext keeping(std::int64_t micro_batch = 0) const {
    RunContext context;
    context.checkpoint_dir = dir.string();
    context.micro_batch = micro_batch;
    return context;
  }
};

TEST_F(MaskedTraining, LearnsAndCountsWhatIsPredicted) {
  const Trial trial = masked_facts(300);
  const MaskedRun run = train_masked(trial);
  ASSERT_EQ(run.outcome.status, OutcomeStatus::kDone) << run.outcome.reason;
  ASSERT_EQ(run.outcome.evaluations.size(), 1u);
  const Evaluation& evaluation = run.outcome.evaluations[0];
  EXPECT_LT(evaluation.loss, std::log(33) - 0.3);  // ln V is where it starts
  EXPECT_GT(evaluation.standard_error, 0);
  EXPECT_EQ(evaluation.tokens, 64 * 5);         // round(0.15 x 32) of each window
  EXPECT_EQ(run.outcome.tokens, 300 * 4 * 32);  // D is what was read
  // No code length of the text, and above no entropy that anyone knows.
  EXPECT_FALSE(evaluation.bits_per_byte);
  EXPECT_FALSE(evaluation.excess);
  EXPECT_LT(run.curve.rbegin()->second, run.curve.begin()->second);
}

TEST_F(MaskedTraining, StoppedAnywhereAndGoneOnWithItEndsWithTheSameBits) {
  for (const bool pairs : {false, true}) {
    const Trial trial = pairs ? paired_facts(40) : masked_facts(40);
    const MaskedRun straight = train_masked(trial);
    std::mt19937 random(1);
    MaskedRun pieces;
    do {
      RunContext context = keeping();
      context.should_stop = [calls = 1 + random() % 15](double) mutable { return --calls == 0; };
      pieces = train_masked(trial, context);
    } while (pieces.outcome.status == OutcomeStatus::kInterrupted);
    ASSERT_EQ(pieces.outcome.status, OutcomeStatus::kDone) << pieces.outcome.reason;
    EXPECT_GT(pieces.outcome.resumed_at, 0);
    EXPECT_EQ(loss_of(pieces), loss_of(straight));
    EXPECT_EQ(pieces.curve, straight.curve);
  }
}

TEST_F(MaskedTraining, KilledAndGoneOnWithItEndsWithTheSameBits) {
  const Trial trial = masked_facts(40);
  for (const int steps_before : {5, 17}) {
    const pid_t child = fork();
    if (child == 0) {
      RunContext context = keeping();
      context.checkpoint_seconds = 0;  // after every step
      context.should_stop = [left = steps_before](double) mutable {
        if (--left == 0) kill(getpid(), SIGKILL);
        return false;
      };
      train_masked(trial, context);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }
  const MaskedRun rest = train_masked(trial, keeping());
  EXPECT_GT(rest.outcome.resumed_at, 0);
  EXPECT_EQ(loss_of(rest), loss_of(train_masked(trial)));
}

// The same masks in another grouping: sums in another order, which training enlarges.
TEST_F(MaskedTraining, MicroBatchesGiveTheSameLossesToRounding) {
  const Trial trial = masked_facts(40);
  RunContext ones;
  ones.micro_batch = 1;
  EXPECT_NEAR(loss_of(train_masked(trial, ones)), loss_of(train_masked(trial)), 1e-3);
}

TEST_F(MaskedTraining, NextSentencesAreAnEvaluationOfTheirOwn) {
  Trial trial = paired_facts(40);
  const MaskedRun run = train_masked(trial);
  ASSERT_EQ(run.outcome.status, OutcomeStatus::kDone) << run.outcome.reason;
  ASSERT_EQ(run.outcome.evaluations.size(), 2u);
  const Evaluation& next = run.outcome.evaluations[1];
  EXPECT_EQ(next.heldout, "next_sentence");
  EXPECT_EQ(next.tokens, 64);
  // Pairs of independent facts: there is nothing to learn, and a coin costs ln 2.
  EXPECT_NEAR(next.loss, std::log(2), 0.3);
  EXPECT_GT(next.standard_error, 0);
  ASSERT_TRUE(next.accuracy);
  EXPECT_NEAR(*next.accuracy, 0.5, 5 * 0.5 / 8);  // five standard deviations of 64 coins
}

}  // namespace
}  // namespace isoflop
#endif
