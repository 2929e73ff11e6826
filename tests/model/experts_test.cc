#include "model/experts.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "model/transformer.h"

namespace isoflop {
namespace {

ModelConfig sparse_model(std::int64_t experts, std::int64_t per_token) {
  return {.vocab = 11,
          .context = 12,
          .layers = 2,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 24,
          .experts = experts,
          .experts_per_token = per_token,
          .router = per_token > 1 ? Router::kTopK : Router::kSwitch};
}

// Every choice of the configuration at least once.
std::vector<ModelConfig> sparse_variants() {
  std::vector<ModelConfig> all(8, sparse_model(4, 2));
  all[1] = sparse_model(5, 1);
  all[2].router = Router::kSwitch;
  all[3].feed_forward = FeedForward::kSwiglu;
  all[4].shared_experts = 2;
  all[4].granularity = 3;
  all[5].capacity_factor = 0.75;
  all[6] = sparse_model(5, 1);
  all[6].capacity_factor = 1;
  all[6].feed_forward = FeedForward::kSwiglu;
  all[6].shared_experts = 1;
  all[7] = sparse_model(1, 1);
  return all;
}

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

// The formulas of experts.h, one token and one expert after the other.
class SparseOracle {
 public:
  SparseOracle(const Experts& experts, const ModelConfig& config, bool training)
      : config_(config), weights_(experts->named_parameters()), training_(training) {}

  torch::Tensor forward(const torch::Tensor& x) {
    route(x);
    torch::Tensor y = torch::zeros_like(x);
    for (std::int64_t t = 0; t < x.size(0); ++t) {
      for (std::int64_t r = 0; r < config_.experts_per_token; ++r) {
        if (kept_[index(r, t, x)]) y[t] += gate(t, r) * expert(chosen_[index(r, t, x)], x[t]);
      }
      for (std::int64_t s = 0; s < config_.shared_experts; ++s) y[t] += shared(s, x[t]);
    }
    return y;
  }

  RouterStats stats() const {
    const auto E = static_cast<double>(config_.experts);
    const auto choices = static_cast<double>(chosen_.size());
    const auto tokens = static_cast<double>(logits_.size());
    RouterStats stats;
    for (std::int64_t e = 0; e < config_.experts; ++e) {
      const double share = std::count(chosen_.begin(), chosen_.end(), e) / choices;
      double probability = 0;
      for (const auto& of_token : probabilities_) probability += of_token[e] / tokens;
      stats.largest_load = std::max(stats.largest_load, E * share);
      stats.unused += share == 0 ? 1 / E : 0;
      stats.balance += E * share * probability;
    }
    stats.dropped = std::count(kept_.begin(), kept_.end(), false) / choices;
    for (std::size_t t = 0; t < logits_.size(); ++t) {
      double sum = 0;
      for (const double logit : logits_[t]) sum += std::exp(logit);
      stats.z += std::log(sum) * std::log(sum) / tokens;
      for (const double p : probabilities_[t]) stats.entropy -= p * std::log(p) / tokens;
    }
    return stats;
  }

 private:
  static std::size_t index(std::int64_t r, std::int64_t t, const torch::Tensor& x) {
    return static_cast<std::size_t>(r * x.size(0) + t);
  }

  void route(const torch::Tensor& x) {
    const auto E = static_cast<std::size_t>(config_.experts);
    const auto k = static_cast<std::size_t>(config_.experts_per_token);
    const auto tokens = static_cast<std::size_t>(x.size(0));
    chosen_.assign(k * tokens, 0);
    for (std::size_t t = 0; t < tokens; ++t) {
      std::vector<double> logits(E), probabilities(E);
      double sum = 0;
      for (std::size_t e = 0; e < E; ++e) {
        const auto i = static_cast<std::int64_t>(t), j = static_cast<std::int64_t>(e);
        logits[e] = (weights_["router"][j] * x[i]).sum().item<double>();
        sum += std::exp(logits[e]);
      }
      for (std::size_t e = 0; e < E; ++e) probabilities[e] = std::exp(logits[e]) / sum;
      std::vector<std::int64_t> by_logit(E);
      std::iota(by_logit.begin(), by_logit.end(), 0);
      std::stable_sort(by_logit.begin(), by_logit.end(), [&](std::int64_t a, std::int64_t b) {
        return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
      });
      for (std::size_t r = 0; r < k; ++r) chosen_[r * tokens + t] = by_logit[r];
      logits_.push_back(logits);
      probabilities_.push_back(probabilities);
    }
    drop(tokens);
  }

  void drop(std::size_t tokens) {
    kept_.assign(chosen_.size(), true);
    if (config_.capacity_factor == 0 || !training_) return;
    const double even = static_cast<double>(config_.experts_per_token) *
                        static_cast<double>(tokens) / static_cast<double>(config_.experts);
    std::vector<double> room(static_cast<std::size_t>(config_.experts),
                             std::ceil(config_.capacity_factor * even));
    for (std::size_t c = 0; c < chosen_.size(); ++c) {
      kept_[c] = room[static_cast<std::size_t>(chosen_[c])]-- > 0;
    }
  }

  double gate(std::int64_t t, std::int64_t r) const {
    const auto token = static_cast<std::size_t>(t), tokens = logits_.size();
    const auto choice = [&](std::int64_t rank) {
      return static_cast<std::size_t>(chosen_[static_cast<std::size_t>(rank) * tokens + token]);
    };
    if (config_.router == Router::kSwitch) return probabilities_[token][choice(r)];
    double sum = 0;
    for (std::int64_t other = 0; other < config_.experts_per_token; ++other) {
      sum += std::exp(logits_[token][choice(other)]);
    }
    return std::exp(logits_[token][choice(r)]) / sum;
  }

  torch::Tensor through(const torch::Tensor& gates, const torch::Tensor& in,
                        const torch::Tensor& out, const torch::Tensor& x) const {
    const auto inner = torch::mv(in, x);
    if (config_.feed_forward == FeedForward::kSwiglu) {
      return torch::mv(out, torch::silu(torch::mv(gates, x)) * inner);
    }
    const auto cube = inner + 0.044715 * inner.pow(3);
    return torch::mv(out, 0.5 * inner * (1 + torch::tanh(std::sqrt(2 / M_PI) * cube)));
  }

  torch::Tensor expert(std::int64_t e, const torch::Tensor& x) {
    const auto f = config_.expert_width();
    const auto in = weights_["feed_forward_in"][e], out = weights_["feed_forward_out"][e];
    return through(in.slice(0, 0, f), in.slice(0, in.size(0) - f), out, x);
  }

  torch::Tensor shared(std::int64_t s, const torch::Tensor& x) {
    const auto f = config_.expert_width(), all = f * config_.shared_experts;
    const auto in = weights_["shared_in"], out = weights_["shared_out"];
    const auto gates = in.slice(0, s * f, (s + 1) * f);
    const auto last = in.size(0) - all;
    return through(gates, in.slice(0, last + s * f, last + (s + 1) * f),
                   out.slice(1, s * f, (s + 1) * f), x);
  }

  ModelConfig config_;
  torch::OrderedDict<std::string, torch::Tensor> weights_;
  bool training_;
  std::vector<std::vector<double>> logits_, probabilities_;
  std::vector<std::int64_t> chosen_;
  std::vector<bool> kept_;
};

void expect_same_stats(const RouterStats& found, const RouterStats& expected, double tolerance) {
  EXPECT_NEAR(found.largest_load, expected.largest_load, tolerance);
  EXPECT_NEAR(found.unused, expected.unused, tolerance);
  EXPECT_NEAR(found.dropped, expected.dropped, tolerance);
  EXPECT_NEAR(found.entropy, expected.entropy, tolerance);
  EXPECT_NEAR(found.balance, expected.balance, tolerance);
  EXPECT_NEAR(found.z, expected.z, tolerance);
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

// --- In the transformer.

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

TEST(SparseTransformer, WithOneExpertIsTheDenseModel) {
  for (const FeedForward kind : {FeedForward::kGelu, FeedForward::kSwiglu}) {
    ModelConfig config = sparse_model(1, 1);
    config.feed_forward = kind;
    ModelConfig dense_config = config;
    dense_config.experts = 0;
    Transformer sparse(config, 4), dense(dense_config, 4, TransformerPath::kPlain);
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
TEST(SparseTransformer, AddsTheRoutersLossesByTheirWeights) {
  const ModelConfig config = sparse_model(4, 2);
  const TokenBatch batch = batch_of_tokens(config);
  const auto router_gradient = [&](const RouterLossWeights& weights) {
    Transformer model(config, 3);
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

TEST(SparseTransformer, SaysHowItsRoutersDid) {
  const ModelConfig config = sparse_model(4, 2);
  Transformer model(config, 3);
  const BatchLosses losses = model->add_gradients(batch_of_tokens(config), 1);
  EXPECT_GE(losses.router.largest_load, 1);
  EXPECT_LE(losses.router.largest_load, 2);  // a token chooses an expert once: E / k
  EXPECT_GT(losses.router.entropy, 0);
  EXPECT_LE(losses.router.entropy, std::log(4));
  EXPECT_GT(losses.router.z, 0);
  EXPECT_EQ(losses.router.dropped, 0);
}

TEST(SparseTransformer, EvaluatesAWindowAlikeWhateverIsEvaluatedWithIt) {
  ModelConfig config = sparse_model(4, 2);
  config.capacity_factor = 0.5;
  Transformer model(config, 3);
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
