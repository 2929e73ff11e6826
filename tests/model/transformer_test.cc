#include "model/transformer.h"

#include <cmath>
#include <complex>
#include <gtest/gtest.h>
#include <map>

#include "core/error.h"
#include "core/flops.h"

namespace isoflop {
namespace {

ModelConfig tiny() {
  return {.vocab = 11,
          .context = 12,
          .layers = 2,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 20};
}

// Every choice of the configuration at least once.
std::vector<ModelConfig> variants() {
  std::vector<ModelConfig> all(6, tiny());
  all[1].positions = Positions::kLearned;
  all[2].norm = Norm::kLayerNorm;
  all[3].feed_forward = FeedForward::kSwiglu;
  all[4].tied_head = false;
  all[5].qk_norm = false;
  all[5].positions = Positions::kLearned;
  all[5].head_size = 6;  // an attention width that is not d
  return all;
}

torch::Tensor some_tokens(std::int64_t batch, const ModelConfig& config, std::uint64_t seed = 5) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  return torch::randint(0, config.vocab, {batch, config.context}, generator, torch::kInt64);
}

TEST(Transformer, HasAsManyParametersAsAreCounted) {
  for (const ModelConfig& config : variants()) {
    Transformer model(config, 1);
    std::int64_t parameters = 0;
    for (const auto& parameter : model->parameters()) parameters += parameter.numel();
    EXPECT_EQ(parameters, count_params(config).total());
    std::int64_t grouped = 0;
    for (const ParameterGroup& group : model->groups()) {
      for (const auto& parameter : group.weights) grouped += parameter.numel();
    }
    EXPECT_EQ(grouped, parameters);
  }
}

TEST(Transformer, DecaysMatricesAndNothingElse) {
  Transformer model(tiny(), 1);
  const ParamCount count = count_params(tiny());
  std::int64_t vectors = 0;
  for (const ParameterGroup& group : model->groups()) {
    if (group.decays) continue;
    for (const auto& parameter : group.weights) vectors += parameter.numel();
  }
  EXPECT_EQ(vectors, count.norms);
}

// The embeddings have norm about 1 and the last norm makes every row of the stream of norm sqrt(d),
// so that the logits are about N(0, 1): ln V + 1/2 at most, ln V for a model that says nothing.
TEST(Transformer, StartsNearTheLossOfKnowingNothing) {
  ModelConfig config{.vocab = 256,
                     .context = 128,
                     .layers = 2,
                     .width = 64,
                     .heads = 4,
                     .head_size = 16,
                     .hidden = 256};
  Transformer model(config, 1);
  const auto tokens = some_tokens(8, config), targets = some_tokens(8, config, 6);
  const double loss = model->loss(tokens, targets).item<double>();
  EXPECT_GT(loss, std::log(256) - 0.1);
  EXPECT_LT(loss, std::log(256) + 0.7);
}

TEST(Transformer, SeesNoTokenAfterItsOwn) {
  for (const ModelConfig& config : variants()) {
    Transformer model(config, 1);
    torch::NoGradGuard no_grad;
    auto tokens = some_tokens(1, config);
    const auto before = model->forward(tokens);
    const std::int64_t changed = 7;
    tokens[0][changed] = (tokens[0][changed].item<std::int64_t>() + 1) % config.vocab;
    const auto after = model->forward(tokens);
    const auto difference = (after - before).abs().amax(2)[0];
    for (std::int64_t t = 0; t < config.context; ++t) {
      if (t < changed) {
        EXPECT_LT(difference[t].item<double>(), 1e-5) << t;  // rounding of another kernel path
      } else if (t == changed) {
        EXPECT_GT(difference[t].item<double>(), 1e-3);
      }
    }
  }
}

TEST(Transformer, KnowsTheOrderOfItsTokens) {
  for (const ModelConfig& config : variants()) {
    Transformer model(config, 1);
    torch::NoGradGuard no_grad;
    auto tokens = some_tokens(1, config);
    tokens[0][2] = 3;
    tokens[0][3] = 4;
    const auto one = model->forward(tokens)[0][9].clone();
    tokens[0][2] = 4;
    tokens[0][3] = 3;
    EXPECT_GT((model->forward(tokens)[0][9] - one).abs().max().item<double>(), 1e-4);
  }
}

// Every parameter's gradient along its own direction, against a central difference in double.
TEST(Transformer, GradientsAgreeWithDifferences) {
  for (const ModelConfig& config : variants()) {
    Transformer model(config, 3);
    model->to(torch::kFloat64);
    const auto tokens = some_tokens(2, config), targets = some_tokens(2, config, 9);
    model->loss(tokens, targets).backward();
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
      const double up = model->loss(tokens, targets).item<double>();
      data.sub_(direction, 2 * h);
      const double down = model->loss(tokens, targets).item<double>();
      data.add_(direction, h);
      EXPECT_NEAR((up - down) / (2 * h), norm, 1e-6 + 1e-5 * norm) << named.key();
    }
  }
}

// The formulas of transformer.h written out once more, slowly: rotation as a complex product,
// attention one query at a time.
class Oracle {
 public:
  Oracle(Transformer& model, const ModelConfig& config) : config_(config) {
    for (const auto& named : model->named_parameters()) weights_[named.key()] = named.value();
  }

  torch::Tensor logits(const torch::Tensor& tokens) {  // [T] -> [T, V]
    auto x = weights_["embedding"].index_select(0, tokens);
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string block = "block" + std::to_string(layer) + ".";
      x = x + attention(normed(x, weights_[block + "attention_norm"]), block);
      const auto inner = normed(x, weights_[block + "feed_forward_norm"])
                             .matmul(weights_[block + "feed_forward_in"].t());
      const auto gelu =
          0.5 * inner * (1 + torch::tanh(std::sqrt(2 / M_PI) * (inner + 0.044715 * inner.pow(3))));
      x = x + gelu.matmul(weights_[block + "feed_forward_out"].t());
    }
    return normed(x, weights_["final_norm"]).matmul(weights_["embedding"].t());
  }

 private:
  static torch::Tensor normed(const torch::Tensor& x, const torch::Tensor& gain) {
    return x / torch::sqrt(x.pow(2).mean(-1, true) + 1e-6) * gain;
  }

  // v [k] at position t: pairs (i, i + k/2) as complex numbers times exp(i t base^(-2 i / k)).
  torch::Tensor turned(const torch::Tensor& v, std::int64_t t) const {
    const std::int64_t half = config_.head_size / 2;
    auto out = v.clone();
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle =
          static_cast<double>(t) *
          std::pow(config_.rotary_base,
                   -2.0 * static_cast<double>(i) / static_cast<double>(config_.head_size));
      const std::complex<double> z =
          std::complex<double>(v[i].item<double>(), v[i + half].item<double>()) *
          std::polar(1.0, angle);
      out[i] = z.real();
      out[i + half] = z.imag();
    }
    return out;
  }

  torch::Tensor attention(const torch::Tensor& x, const std::string& block) {
    const std::int64_t T = x.size(0), h = config_.heads, k = config_.head_size;
    const auto qkv = x.matmul(weights_[block + "qkv"].t()).view({T, 3, h, k});
    const auto gains = weights_[block + "qk_gain"].view({2, k});
    auto mixed = torch::zeros({T, h, k}, torch::kFloat64);
    for (std::int64_t head = 0; head < h; ++head) {
      for (std::int64_t t = 0; t < T; ++t) {
        const auto q = turned(normed(qkv[t][0][head], gains[0]), t);
        auto scores = torch::empty({t + 1}, torch::kFloat64);
        for (std::int64_t s = 0; s <= t; ++s) {
          const auto key = turned(normed(qkv[s][1][head], gains[1]), s);
          scores[s] = q.dot(key) / std::sqrt(static_cast<double>(k));
        }
        const auto weights = torch::softmax(scores, 0);
        for (std::int64_t s = 0; s <= t; ++s) mixed[t][head] += weights[s] * qkv[s][2][head];
      }
    }
    return mixed.view({T, h * k}).matmul(weights_[block + "attention_out"].t());
  }

  ModelConfig config_;
  std::map<std::string, torch::Tensor> weights_;
};

TEST(Transformer, AgreesWithItsFormulasWrittenOut) {
  const ModelConfig config = tiny();
  Transformer model(config, 4);
  model->to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  // Gains of one would hide a gain that is left out.
  const auto groups = model->groups();
  for (torch::Tensor vector : groups.back().weights) vector.uniform_(0.5, 1.5);
  const auto tokens = some_tokens(1, config);
  const auto expected = Oracle(model, config).logits(tokens[0]);
  // The tables of rotary positions are float32: 1e-7 relative.
  EXPECT_LT((model->forward(tokens)[0] - expected).abs().max().item<double>(), 1e-5);
}

TEST(Transformer, SameSeedSameWeightsOtherSeedOthers) {
  Transformer one(tiny(), 1), same(tiny(), 1), other(tiny(), 2);
  const auto first = one->parameters(), second = same->parameters(), third = other->parameters();
  bool differs = false;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(torch::equal(first[i], second[i]));
    differs |= !torch::equal(first[i], third[i]);
  }
  EXPECT_TRUE(differs);
}

TEST(Transformer, RefusesShapesThatCannotBe) {
  ModelConfig config = tiny();
  config.head_size = 3;
  EXPECT_THROW(Transformer(config, 1), Error);
  config = tiny();
  config.layers = 0;
  EXPECT_THROW(Transformer(config, 1), Error);
}

}  // namespace
}  // namespace isoflop
