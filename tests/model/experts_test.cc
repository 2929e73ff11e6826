#include "model/experts.h"

#include <cmath>
#include <gtest/gtest.h>

#include "tests/model/sparse_oracle.h"

namespace isoflop {
namespace {

Experts some_experts(const ModelConfig& config) {
  Experts experts(config);
  torch::NoGradGuard no_grad;
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(std::uint64_t{7});
  for (auto& parameter : experts->parameters()) parameter.normal_(0, 0.4, generator);
  experts->to(torch::kFloat64);
  return experts;
}

torch::Tensor some_stream(std::int64_t tokens, const ModelConfig& config) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(std::uint64_t{3});
  return torch::randn({tokens, config.width}, generator, torch::kFloat64);
}

TEST(Experts, DoWhatTheirFormulasSayForEveryTokenAndExpert) {
  for (const ModelConfig& config : sparse_variants()) {
    SCOPED_TRACE(shape_name(config));
    for (const bool training : {true, false}) {
      torch::NoGradGuard no_grad;
      Experts experts = some_experts(config);
      experts->train(training);
      const auto x = some_stream(23, config);
      SparseOracle oracle(experts, config, training);
      const auto expected = oracle.forward(x);
      // Double precision, sums of a few dozen numbers of order 1.
      EXPECT_LT((experts->forward(x) - expected).abs().max().item<double>(), 1e-12);
      expect_same_stats(router_stats_of(experts->last().stats), oracle.stats(), 1e-12);
    }
  }
}

TEST(Experts, AgreeInBfloat16WhichTheGroupedProductTakes) {
  ModelConfig config = sparse_model(4, 2);
  Experts experts = some_experts(config), half = some_experts(config);
  half->to(torch::kBFloat16);
  experts->to(torch::kBFloat16);  // the same rounded weights and routes
  experts->to(torch::kFloat64);
  const auto x = some_stream(23, config).to(torch::kBFloat16);
  const auto exact = experts->forward(x.to(torch::kFloat64));
  const auto rounded = half->forward(x);
  // bfloat16 has 8 bits: relative errors of 2^-9 for each of a few dozen terms of order 1.
  EXPECT_LT((rounded.to(torch::kFloat64) - exact).abs().max().item<double>(), 0.05);
  exact.square().sum().backward();
  rounded.to(torch::kFloat32).square().sum().backward();
  for (const auto& named : experts->named_parameters()) {
    const auto found = half->named_parameters()[named.key()].grad().to(torch::kFloat64);
    const auto& expected = named.value().grad();
    EXPECT_LT((found - expected).norm().item<double>(), 0.05 * expected.norm().item<double>())
        << named.key();
  }
}

TEST(Experts, DropTheLastTokensWhereTheyAreFullAndCountThem) {
  ModelConfig config = sparse_model(4, 1);
  config.capacity_factor = 1.2;
  Experts experts = some_experts(config);
  torch::NoGradGuard no_grad;
  experts->named_parameters()["router"].zero_();  // a tie: all tokens choose the first
  const auto x = some_stream(10, config);
  EXPECT_EQ(experts->capacity(10), 3);  // 1.2 x 10 / 4
  const auto y = experts->forward(x);
  for (std::int64_t t = 0; t < 10; ++t) {
    EXPECT_EQ(y[t].abs().max().item<double>() > 0, t < 3) << t;
  }
  EXPECT_DOUBLE_EQ(router_stats_of(experts->last().stats).dropped, 0.7);

  experts->eval();
  EXPECT_EQ(experts->capacity(10), 0);
  EXPECT_GT(experts->forward(x)[9].abs().max().item<double>(), 0);
  EXPECT_EQ(router_stats_of(experts->last().stats).dropped, 0);
}

TEST(Experts, FirstChoicesOfAllTokensGoBeforeSecondOnes) {
  ModelConfig config = sparse_model(2, 2);
  config.capacity_factor = 0.5;  // of 4 tokens, 2 an expert
  config.feed_forward = FeedForward::kGelu;
  Experts experts = some_experts(config);
  torch::NoGradGuard no_grad;
  auto weights = experts->named_parameters();
  weights["router"].zero_();
  weights["router"][0][0] = 1;
  weights["router"][1][1] = 1;
  auto x = torch::zeros({4, config.width}, torch::kFloat64);
  // Tokens 0 and 1 prefer the first expert, 2 and 3 the second: no room for anybody's second.
  for (std::int64_t t = 0; t < 4; ++t) x[t][t / 2] = 2;
  weights["feed_forward_out"][0].fill_(1.0);
  weights["feed_forward_out"][1].fill_(-1.0);
  weights["feed_forward_in"].fill_(1.0);
  const auto y = experts->forward(x);
  for (std::int64_t t = 0; t < 4; ++t) EXPECT_EQ(y[t][0].item<double>() > 0, t < 2) << t;
  EXPECT_DOUBLE_EQ(router_stats_of(experts->last().stats).dropped, 0.5);
}

TEST(Experts, OneThatGetsEverythingIsSeenInTheStatistics) {
  Experts experts = some_experts(sparse_model(5, 1));
  torch::NoGradGuard no_grad;
  experts->named_parameters()["router"].zero_();
  experts->forward(some_stream(40, sparse_model(5, 1)));
  const RouterStats stats = router_stats_of(experts->last().stats);
  // Ties go to the lowest index; a router of zeros is undecided, ln 5.
  const RouterStats all_on_one{.largest_load = 5,
                               .unused = 0.8,
                               .dropped = 0,
                               .entropy = std::log(5),
                               .balance = 1,
                               .z = std::log(5) * std::log(5)};
  expect_same_stats(stats, all_on_one, 1e-14);
}

TEST(Experts, EqualLoadIsSeenInTheStatistics) {
  const ModelConfig config = sparse_model(8, 1);
  Experts experts = some_experts(config);
  torch::NoGradGuard no_grad;
  experts->named_parameters()["router"].copy_(torch::eye(8) * 50);
  experts->forward(torch::eye(8, torch::kFloat64).repeat({3, 1}));
  const RouterStats stats = router_stats_of(experts->last().stats);
  // Certain to 7 e^-50.
  expect_same_stats(stats, {.largest_load = 1, .entropy = 0, .balance = 1, .z = 2500}, 1e-11);
}

}  // namespace
}  // namespace isoflop
