// What a run that was stopped, killed, branched or cut into micro-batches has to do with one that
// was not: the same losses, to the bit where that is promised.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/training.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

#include "core/error.h"
#include "io/atomic_file.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatchTokens = 4 * 32;

Trial small_trial(std::int64_t steps) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.model.context = 32;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 64;
  trial.train.batch = 4;
  trial.train.tokens = static_cast<double>(steps * kBatchTokens);
  trial.train.rate = 0.01;
  trial.eval_windows = 16;
  return trial;
}

Trial cooling_trial(std::int64_t steps) {
  Trial trial = small_trial(steps);
  trial.train.schedule = "cooldown";
  trial.train.warmup_tokens = 10 * kBatchTokens;
  return trial;
}

struct TrainingRun {
  Outcome outcome;
  std::map<std::int64_t, double> curve;  // step -> training loss
};

CorpusManifest without_corpus(const std::string&) { throw failure("no corpus"); }

TrainingRun train(const Trial& trial, RunContext context = {}) {
  TrainingRun result;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    for (const CurvePoint& point : points) result.curve[point.step] = point.train_loss;
  };
  result.outcome = make_transformer_runner(without_corpus)->run({&trial, 1}, context).front();
  return result;
}

double final_loss(const TrainingRun& result) { return result.outcome.evaluations.at(0).loss; }

struct TrainingTest : testing::Test {
  fs::path dir = fs::path(testing::TempDir()) /
                 ("isoflop-training-" + std::to_string(::getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  TrainingTest() { fs::remove_all(dir); }
  ~TrainingTest() override { fs::remove_all(dir); }

  RunContext keeping() const {
    RunContext context;
    context.checkpoint_dir = dir.string();
    return context;
  }
  // Stops after `calls` calls of should_stop.
  RunContext stopping_after(int calls, std::int64_t micro_batch = 0) const {
    RunContext context = keeping();
    context.micro_batch = micro_batch;
    context.should_stop = [calls](double) mutable { return --calls <= 0; };
    return context;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(dir)) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(TrainingTest, StoppedAnywhereAndGoneOnWithItEndsWithTheSameBits) {
  const Trial trial = small_trial(60);
  const TrainingRun straight = train(trial);
  std::mt19937 random(1);
  for (int round = 0; round < 5; ++round) {
    TrainingRun pieces;
    do {
      pieces = train(trial, stopping_after(std::uniform_int_distribution(1, 25)(random)));
    } while (pieces.outcome.status == OutcomeStatus::kInterrupted);
    ASSERT_EQ(pieces.outcome.status, OutcomeStatus::kDone) << pieces.outcome.reason;
    EXPECT_GT(pieces.outcome.resumed_at, 0);
    EXPECT_EQ(final_loss(pieces), final_loss(straight));
    EXPECT_EQ(pieces.curve, straight.curve);  // the last attempt tells all of it
    EXPECT_FALSE(files().empty()) << "until its outcome is saved, a kill must not cost the trial";
    make_transformer_runner(without_corpus)->forget(trial, dir.string());
    EXPECT_TRUE(files().empty()) << "a trial that is done needs no checkpoints";
  }
}

TEST_F(TrainingTest, StoppedBetweenMicroBatchesItEndsWithTheSameBits) {
  const Trial trial = small_trial(12);
  RunContext whole;
  whole.micro_batch = 1;
  const TrainingRun straight = train(trial, whole);
  TrainingRun pieces;
  int attempts = 0;
  do {
    pieces = train(trial, stopping_after(3, 1));
    ++attempts;
  } while (pieces.outcome.status == OutcomeStatus::kInterrupted);
  EXPECT_GT(attempts, 12);
  EXPECT_EQ(final_loss(pieces), final_loss(straight));
  EXPECT_EQ(pieces.curve, straight.curve);
}

TEST_F(TrainingTest, MicroBatchesAddUpToTheBatchToRounding) {
  const Trial trial = small_trial(30);
  const TrainingRun straight = train(trial);
  for (const std::int64_t micro : {1, 2, 3}) {
    RunContext context;
    context.micro_batch = micro;
    const TrainingRun parts = train(trial, context);
    // One step is equal to float32 rounding (6e-8); 30 steps of AdamW amplify it.
    EXPECT_NEAR(parts.curve.at(1), straight.curve.at(1), 1e-6);
    EXPECT_NEAR(final_loss(parts), final_loss(straight), 2e-4) << micro;
  }
}

TEST_F(TrainingTest, ABranchOfASharedTrunkEqualsTheTrialAloneToTheBit) {
  for (const std::int64_t steps : {40, 80, 160}) {
    const Trial trial = cooling_trial(steps);
    const TrainingRun alone = train(trial);
    const TrainingRun branch = train(trial, keeping());
    EXPECT_EQ(final_loss(branch), final_loss(alone)) << steps;
    EXPECT_EQ(branch.curve, alone.curve) << steps;
    // Only what is new of the trunk is trained: from the last trial's branch at 80 % of its steps.
    EXPECT_EQ(branch.outcome.resumed_at, steps == 40 ? 0 : steps / 2 * 8 / 10);
    make_transformer_runner(without_corpus)->forget(trial, dir.string());
  }
  EXPECT_EQ(files().size(), 1u) << "the trunk's newest state stays for a larger D";
}

TEST_F(TrainingTest, AShorterTrialDoesNotGoOnFromBeyondItsBranch) {
  train(cooling_trial(160), keeping());
  const TrainingRun shorter = train(cooling_trial(40), keeping());
  EXPECT_EQ(shorter.outcome.resumed_at, 0);
  EXPECT_EQ(final_loss(shorter), final_loss(train(cooling_trial(40))));
}

TEST_F(TrainingTest, ADamagedCheckpointIsRefusedAndTheOneBeforeItUsed) {
  const Trial trial = small_trial(40);
  train(trial, stopping_after(10));
  train(trial, stopping_after(10));
  ASSERT_EQ(files().size(), 2u);
  std::string bytes = read_whole_file(files()[1].string());
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomically(files()[1].string(), bytes);
  const TrainingRun resumed = train(trial, keeping());
  EXPECT_EQ(resumed.outcome.resumed_at, 10);
  ASSERT_EQ(resumed.outcome.notes.size(), 1u);
  EXPECT_NE(resumed.outcome.notes[0].find("checksum"), std::string::npos);
  EXPECT_EQ(final_loss(resumed), final_loss(train(trial)));
}

TEST_F(TrainingTest, AnotherTrialsCheckpointIsRefusedWithADiff) {
  Trial trial = small_trial(40);
  train(trial, stopping_after(10));
  RunContext context;
  context.resume_from = files().at(0).string();
  trial.train.rate = 0.02;
  try {
    train(trial, context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "checkpoint_mismatch");
    EXPECT_NE(std::string(error.what()).find("train.rate: 0.01, not 0.02"), std::string::npos)
        << error.what();
  }
  trial.train.rate = 0.01;
  EXPECT_EQ(train(trial, context).outcome.resumed_at, 10);
}

TEST_F(TrainingTest, KeepsTwoCheckpoints) {
  RunContext context = keeping();
  context.checkpoint_seconds = 0;
  context.should_stop = [](double tokens) { return tokens >= 20 * kBatchTokens; };
  train(small_trial(40), context);
  ASSERT_EQ(files().size(), 2u);
  EXPECT_NE(files()[1].string().find("step-000000000020.ckpt"), std::string::npos);
}

TEST_F(TrainingTest, AClockThatRunsOutBeginsTheCooldownOfATrialThatCouldHaveBeenAskedFor) {
  RunContext context;
  context.trunk_seconds = 1e-3;
  const TrainingRun timed = train(cooling_trial(100000), context);
  ASSERT_EQ(timed.outcome.status, OutcomeStatus::kDone);
  EXPECT_LT(timed.outcome.steps, 100000);
  Trial same = cooling_trial(1);
  same.train.tokens = timed.outcome.tokens;
  EXPECT_EQ(final_loss(train(same)), final_loss(timed));
}

// In bfloat16 a run of 60 steps ends near the float32 one: 8 bits of each product are noise that
// the steps average; and it resumes with the same bits as any other.
TEST_F(TrainingTest, Bfloat16TrainsNearlyAsFloat32AndResumesToTheBit) {
  Trial trial = small_trial(60);
  const TrainingRun full = train(trial);
  trial.train.dtype = "bfloat16";
  const TrainingRun low = train(trial);
  ASSERT_EQ(low.outcome.status, OutcomeStatus::kDone) << low.outcome.reason;
  EXPECT_NE(final_loss(low), final_loss(full));
  EXPECT_NEAR(final_loss(low), final_loss(full), 0.03);
  train(trial, stopping_after(20));
  const TrainingRun resumed = train(trial, keeping());
  EXPECT_EQ(resumed.outcome.resumed_at, 20);
  EXPECT_EQ(final_loss(resumed), final_loss(low));
}

TEST_F(TrainingTest, CountsTokensThatAreNewAndFlopsOfTheAttempt) {
  const Trial trial = cooling_trial(80);
  train(cooling_trial(40), keeping());
  const Outcome outcome = train(trial, keeping()).outcome;
  EXPECT_EQ(outcome.unique_tokens, trial.train.tokens);
  EXPECT_NEAR(outcome.flops, total_flops(trial, FlopConvention::kExact) * 48 / 80, 1);
}

TEST_F(TrainingTest, AnImpossibleUtilisationIsLeftOutWithANote) {
  RunContext context;
  context.peak_flops = 1e13;
  const TrainingRun slow = train(small_trial(20), context);
  ASSERT_TRUE(slow.outcome.mfu);
  EXPECT_GT(*slow.outcome.mfu, 0);
  EXPECT_LT(*slow.outcome.mfu, 1);
  context.peak_flops = 1e3;
  const TrainingRun impossible = train(small_trial(20), context);
  EXPECT_FALSE(impossible.outcome.mfu);
  ASSERT_EQ(impossible.outcome.notes.size(), 1u);
  EXPECT_NE(impossible.outcome.notes[0].find("--peak-flops"), std::string::npos);
}

TEST_F(TrainingTest, ALossThatStaysAboveItsStartHasDiverged) {
  Trial trial = small_trial(400);
  trial.train.rate = 30;  // finite, but far beyond what can be trained with
  trial.train.weight_decay = 0;
  const TrainingRun result = train(trial);
  EXPECT_EQ(result.outcome.status, OutcomeStatus::kDiverged);
  EXPECT_NE(result.outcome.reason.find("above its first loss"), std::string::npos)
      << result.outcome.reason;
  EXPECT_LT(result.outcome.steps, 400);
}

}  // namespace
}  // namespace isoflop
#endif
