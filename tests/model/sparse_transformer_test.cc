#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "tests/model/sparse_oracle.h"

namespace isoflop {
namespace {

torch::Tensor tokens_of(const ModelConfig& config, std::uint64_t seed) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  return torch::randint(0, config.vocab, {3, config.context}, generator, torch::kInt64);
}

TokenBatch batch_of_tokens(const ModelConfig& config) {
  const auto numbers = [](const torch::Tensor& tokens) {
    const auto flat = tokens.to(torch::kInt32).flatten();
    return std::vector<std::int32_t>(flat.data_ptr<std::int32_t>(),
                                     flat.data_ptr<std::int32_t>() + flat.numel());
  };
  return {.sequences = 3,
          .length = config.context,
          .inputs = numbers(tokens_of(config, 5)),
          .targets = numbers(tokens_of(config, 6))};
}

TEST(SparseTransformer, HasAsManyParametersAsAreCounted) {
  for (const ModelConfig& config : sparse_variants()) {
    Transformer model(config, 1);
    std::int64_t parameters = 0, grouped = 0, free_of_decay = 0;
    for (const auto& parameter : model->parameters()) parameters += parameter.numel();
    for (const ParameterGroup& group : model->groups()) {
      for (const auto& weight : group.weights) {
        grouped += weight.numel();
        if (!group.decays) free_of_decay += weight.numel();
      }
    }
    EXPECT_EQ(parameters, count_params(config).total()) << shape_name(config);
    EXPECT_EQ(grouped, parameters);
    EXPECT_EQ(free_of_decay, count_params(config).norms);
  }
}

class SparsePaths : public ::testing::TestWithParam<TransformerPath> {};

INSTANTIATE_TEST_SUITE_P(Both, SparsePaths,
                         ::testing::Values(TransformerPath::kPlain, TransformerPath::kFastest),
                         [](const auto& of) {
                           return of.param == TransformerPath::kPlain ? std::string("Plain")
                                                                      : std::string("Fastest");
                         });

TEST_P(SparsePaths, WithOneExpertIsTheDenseModel) {
  for (const FeedForward kind : {FeedForward::kGelu, FeedForward::kSwiglu}) {
    ModelConfig config = sparse_model(1, 1);
    config.feed_forward = kind;
    ModelConfig dense_config = config;
    dense_config.experts = 0;
    Transformer sparse(config, 4, GetParam()), dense(dense_config, 4, TransformerPath::kPlain);
    const TokenBatch batch = batch_of_tokens(config);
    const auto weights = sparse->named_parameters();
    const BatchLosses one = sparse->add_gradients(batch, 1), other = dense->add_gradients(batch, 1);
    EXPECT_NEAR(one.loss, other.loss, 1e-6);  // float32
    for (const auto& named : dense->named_parameters()) {
      std::string name = named.key();
      const auto at = name.find("feed_forward_in") != name.npos ? name.find("feed_forward_in")
                                                                : name.find("feed_forward_out");
      if (at != name.npos) name.insert(at, "experts.");
      ASSERT_TRUE(weights.contains(name)) << name;
      const auto& weight = weights[name];
      EXPECT_TRUE(torch::equal(weight.view_as(named.value()), named.value())) << name;
      const auto& gradient = named.value().grad();
      EXPECT_LT((weight.grad().view_as(gradient) - gradient).abs().max().item<double>(),
                1e-5 * gradient.abs().max().item<double>() + 1e-8)
          << name;
    }
    EXPECT_EQ(weights["block0.experts.router"].grad().abs().max().item<double>(), 0);
  }
}

// Every parameter's gradient of the whole loss along its own direction, against a central
// difference in double. The weights of the router's losses are large, so that an error in them
// shows; no token changes its expert within 1e-5.
TEST(SparseTransformer, GradientsOfTheLossAndTheRoutersLossesAgreeWithDifferences) {
  for (const ModelConfig& config : sparse_variants()) {
    SCOPED_TRACE(shape_name(config));
    Transformer model(config, 3);
    model->to(torch::kFloat64);
    model->set_router_weights({.balance = 0.5, .z = 0.3});
    const auto tokens = tokens_of(config, 5), targets = tokens_of(config, 6);
    const auto whole_loss = [&] {
      const auto loss = model->loss(tokens, targets);
      return loss + model->router_loss();
    };
    whole_loss().backward();
    for (const auto& named : model->named_parameters()) {
      const auto& parameter = named.value();
      const auto gradient = parameter.grad().clone();
      const double norm = gradient.norm().item<double>();
      ASSERT_GT(norm, 1e-8) << named.key();
      const auto direction = gradient / norm;
      // Truncation h^2 ~ 1e-10 and rounding 1e-16 / h ~ 1e-11, against gradients of 1e-3 and more.
      const double h = 1e-5;
      torch::NoGradGuard no_grad;
      auto data = parameter.detach();
      data.add_(direction, h);
      const double up = whole_loss().item<double>();
      data.sub_(direction, 2 * h);
      const double down = whole_loss().item<double>();
      data.add_(direction, h);
      EXPECT_NEAR((up - down) / (2 * h), norm, 1e-6 + 1e-5 * norm) << named.key();
    }
  }
}

// A wrong constant in one of the router's losses would go unseen above, where they are added up.
TEST_P(SparsePaths, AddsTheRoutersLossesByTheirWeights) {
  const ModelConfig config = sparse_model(4, 2);
  const TokenBatch batch = batch_of_tokens(config);
  const auto router_gradient = [&](const RouterLossWeights& weights) {
    Transformer model(config, 3, GetParam());
    model->set_router_weights(weights);
    model->add_gradients(batch, 1);
    return model->named_parameters()["block1.experts.router"].grad().clone();
  };
  const auto none = router_gradient({}), balance = router_gradient({.balance = 1}),
             z = router_gradient({.z = 1}), both = router_gradient({.balance = 2, .z = 3});
  const auto sum = none + 2 * (balance - none) + 3 * (z - none);
  EXPECT_GT((balance - none).norm().item<double>(), 1e-4);
  EXPECT_GT((z - none).norm().item<double>(), 1e-4);
  EXPECT_LT((both - sum).norm().item<double>(), 1e-5 * both.norm().item<double>());
}

TEST_P(SparsePaths, SaysHowItsRoutersDid) {
  const ModelConfig config = sparse_model(4, 2);
  Transformer model(config, 3, GetParam());
  const BatchLosses losses = model->add_gradients(batch_of_tokens(config), 1);
  EXPECT_GE(losses.router.largest_load, 1);
  EXPECT_LE(losses.router.largest_load, 2);  // a token chooses an expert once: E / k
  EXPECT_GT(losses.router.entropy, 0);
  EXPECT_LE(losses.router.entropy, std::log(4));
  EXPECT_GT(losses.router.z, 0);
  EXPECT_EQ(losses.router.dropped, 0);
}

TEST_P(SparsePaths, EvaluatesAWindowAlikeWhateverIsEvaluatedWithIt) {
  ModelConfig config = sparse_model(4, 2);
  config.capacity_factor = 0.5;
  Transformer model(config, 3, GetParam());
  const TokenBatch batch = batch_of_tokens(config);
  const auto together = model->token_losses(batch);
  const auto length = static_cast<std::size_t>(config.context);
  const std::vector last_inputs(batch.inputs.end() - config.context, batch.inputs.end());
  const std::vector last_targets(batch.targets.end() - config.context, batch.targets.end());
  const auto alone = model->token_losses(
      {.sequences = 1, .length = config.context, .inputs = last_inputs, .targets = last_targets});
  for (std::size_t t = 0; t < length; ++t) {
    EXPECT_NEAR(alone[t], together[2 * length + t], 1e-5);  // float32
  }
}

}  // namespace
}  // namespace isoflop
