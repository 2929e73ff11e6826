// Sparse models, trained: one expert is the dense model, and what resumes ends with the same bits.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

constexpr std::int64_t kSparseBatchTokens = 4 * 32;

Trial sparse_trial(std::int64_t steps, std::int64_t experts, std::int64_t per_token = 1) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.model.context = 32;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 64;
  trial.model.experts = experts;
  trial.model.experts_per_token = per_token;
  if (per_token > 1) trial.model.router = Router::kTopK;
  trial.train.batch = 4;
  trial.train.tokens = static_cast<double>(steps * kSparseBatchTokens);
  trial.train.rate = 0.01;
  trial.eval_windows = 16;
  return trial;
}

struct SparseRun {
  Outcome outcome;
  std::vector<CurvePoint> curve;
  double loss() const { return outcome.evaluations.at(0).loss; }
};

SparseRun train_sparse(const Trial& trial, RunContext context = {}) {
  SparseRun result;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    result.curve.insert(result.curve.end(), points.begin(), points.end());
  };
  const auto runner = make_transformer_runner(
      [](const std::string&) -> CorpusManifest { throw failure("no corpus"); });
  result.outcome = runner->run({&trial, 1}, context).front();
  return result;
}

// The kernels train the dense model and LibTorch the other, in float32: the losses part by
// rounding, which training lets grow.
TEST(SparseTraining, OneExpertHasTheLossesOfTheDenseModel) {
  Trial one = sparse_trial(60, 1), dense = sparse_trial(60, 0);
  one.train.balance_loss = one.train.router_z_loss = 0;
  const SparseRun with_expert = train_sparse(one), without = train_sparse(dense);
  ASSERT_EQ(with_expert.curve.size(), without.curve.size());
  for (std::size_t i = 0; i < without.curve.size(); ++i) {
    EXPECT_NEAR(with_expert.curve[i].train_loss, without.curve[i].train_loss, 1e-4) << i;
    EXPECT_FALSE(without.curve[i].router);
  }
  EXPECT_NEAR(with_expert.loss(), without.loss(), 1e-4);
}

TEST(SparseTraining, LearnsAndItsCurveSaysHowTheRoutersDid) {
  Trial trial = sparse_trial(300, 4, 2);
  trial.model.capacity_factor = 1;
  const SparseRun result = train_sparse(trial);
  ASSERT_EQ(result.outcome.status, OutcomeStatus::kDone) << result.outcome.reason;
  EXPECT_LT(result.loss(), std::log(32) - 0.1);
  bool dropped = false;
  for (const CurvePoint& point : result.curve) {
    ASSERT_TRUE(point.router) << point.step;
    EXPECT_GE(point.router->largest_load, 1);
    EXPECT_LE(point.router->largest_load, 2 + 1e-12);  // E / k
    EXPECT_GT(point.router->entropy, 0);
    EXPECT_LE(point.router->entropy, std::log(4) + 1e-6);
    dropped |= point.router->dropped > 0;
  }
  EXPECT_TRUE(dropped) << "no router is even at every step";
}

TEST(SparseTraining, TheBalanceLossEvensTheLoad) {
  Trial uneven = sparse_trial(200, 8);
  uneven.train.balance_loss = 0;
  Trial even = sparse_trial(200, 8);
  even.train.balance_loss = 0.1;
  EXPECT_LT(train_sparse(even).curve.back().router->largest_load,
            train_sparse(uneven).curve.back().router->largest_load);
}

struct SparseResume : testing::TestWithParam<std::int64_t> {
  std::filesystem::path dir =
      std::filesystem::path(testing::TempDir()) / ("isoflop-sparse-" + std::to_string(::getpid()));
  SparseResume() { std::filesystem::remove_all(dir); }
  ~SparseResume() override { std::filesystem::remove_all(dir); }
};

// With micro-batches it is also stopped between them.
TEST_P(SparseResume, StoppedAnywhereAndGoneOnWithItEndsWithTheSameBits) {
  Trial trial = sparse_trial(60, 4, 2);
  trial.model.capacity_factor = 1.25;
  trial.model.shared_experts = 1;
  RunContext whole;
  whole.micro_batch = GetParam();
  const SparseRun straight = train_sparse(trial, whole);
  std::mt19937 random(1);
  SparseRun pieces;
  int attempts = 0;
  do {
    RunContext context;
    context.micro_batch = GetParam();
    context.checkpoint_dir = dir.string();
    int calls = std::uniform_int_distribution(3, 25)(random);
    context.should_stop = [calls](double) mutable { return --calls <= 0; };
    pieces = train_sparse(trial, context);
    ++attempts;
  } while (pieces.outcome.status == OutcomeStatus::kInterrupted);
  ASSERT_EQ(pieces.outcome.status, OutcomeStatus::kDone) << pieces.outcome.reason;
  EXPECT_GT(attempts, 3);
  EXPECT_EQ(pieces.loss(), straight.loss());
  ASSERT_EQ(pieces.curve.size(), straight.curve.size());
  for (std::size_t i = 0; i < straight.curve.size(); ++i) {
    EXPECT_EQ(pieces.curve[i].train_loss, straight.curve[i].train_loss) << i;
    EXPECT_EQ(pieces.curve[i].grad_norm, straight.curve[i].grad_norm) << i;
    EXPECT_EQ(pieces.curve[i].router, straight.curve[i].router) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutMicroBatches, SparseResume, testing::Values(0, 1),
                         [](const auto& of) {
                           return of.param == 0 ? std::string("WholeBatches")
                                                : std::string("OneSequenceAtATime");
                         });

}  // namespace
}  // namespace isoflop
#endif
