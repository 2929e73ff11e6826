// Masked models: attention both ways, losses of the predicted tokens alone, next sentences.
#include <cmath>
#include <gtest/gtest.h>

#include "core/hash.h"
#include "model/transformer.h"

namespace isoflop {
namespace {

ModelConfig encoder() {
  return {.vocab = 11,
          .context = 12,
          .layers = 2,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 20,
          .objective = Objective::kMasked};
}

std::vector<ModelConfig> encoders() {
  std::vector<ModelConfig> all(5, encoder());
  all[1].next_sentence = true;
  all[2].next_sentence = true;
  all[2].mup_base = 4;
  all[2].tied_head = false;
  all[3].positions = Positions::kLearned;
  all[3].norm = Norm::kLayerNorm;
  all[4].feed_forward = FeedForward::kSwiglu;
  all[4].qk_norm = false;
  return all;
}

// Any tokens, of which every third is predicted.
TokenBatch some_batch(const ModelConfig& config, std::int64_t sequences, std::uint64_t seed = 1) {
  SplitMix64 random(seed);
  const auto token = [&] {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(config.vocab)));
  };
  TokenBatch batch{.sequences = sequences, .length = config.context};
  for (std::int64_t i = 0; i < sequences * config.context; ++i) {
    batch.inputs.push_back(token());
    batch.targets.push_back(i % 3 == 1 ? token() : -1);
    if (config.next_sentence) batch.segments.push_back(i % config.context > 6 ? 1 : 0);
  }
  for (std::int64_t b = 0; config.next_sentence && b < sequences; ++b) {
    batch.follows.push_back(static_cast<std::int32_t>(b % 2));
  }
  return batch;
}

Transformer plain(const ModelConfig& config) {
  return Transformer(config, 3, TransformerPath::kPlain);
}

double whole_loss(Transformer& model, const TokenBatch& batch) {
  const BatchLosses losses = model->add_gradients(batch, 0.0);
  return losses.loss + losses.next_sentence;
}

TEST(MaskedTransformer, HasAsManyParametersAsAreCounted) {
  for (const ModelConfig& config : encoders()) {
    Transformer model(config, 1);
    std::int64_t parameters = 0;
    for (const auto& parameter : model->parameters()) parameters += parameter.numel();
    EXPECT_EQ(parameters, count_params(config).total());
  }
}

TEST(MaskedTransformer, SeesTokensBeforeAndAfterItsOwn) {
  for (const ModelConfig& config : encoders()) {
    Transformer model = plain(config);
    torch::NoGradGuard no_grad;
    auto tokens = torch::zeros({1, config.context}, torch::kInt64);
    const auto before = model->forward(tokens);
    tokens[0][7] = 5;
    const auto change = (model->forward(tokens) - before).abs().amax(2)[0];
    // Far above rounding: attention at the start is nearly even over 12 tokens.
    for (std::int64_t t = 0; t < config.context; ++t) EXPECT_GT(change[t].item<double>(), 1e-4);
  }
}

TEST(MaskedTransformer, CountsPredictedTokensOnly) {
  const ModelConfig config = encoder();
  Transformer model = plain(config);
  const TokenBatch batch = some_batch(config, 3);
  const auto inputs = torch::tensor(batch.inputs).to(torch::kInt64).view({3, config.context});
  const auto log_probs = torch::log_softmax(model->forward(inputs).detach(), -1).flatten(0, 1);
  const std::vector<float> losses = model->token_losses(batch);
  double sum = 0, predicted = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (batch.targets[i] < 0) {
      EXPECT_EQ(losses[i], 0);
      continue;
    }
    const auto row = static_cast<std::int64_t>(i);
    const double expected = -log_probs[row][batch.targets[i]].item<double>();
    EXPECT_NEAR(losses[i], expected, 1e-5);  // float32
    sum += expected;
    ++predicted;
  }
  EXPECT_EQ(predicted, 12);
  EXPECT_NEAR(model->add_gradients(batch, 1).loss, sum / predicted, 1e-5);
}

// Every parameter's gradient along its own direction, against a central difference in double:
// truncation h^2 ~ 1e-10 and rounding 1e-16 / h ~ 1e-11, against gradients of 1e-3 and more.
TEST(MaskedTransformer, GradientsOfTheWholeLossAgreeWithDifferences) {
  for (const ModelConfig& config : encoders()) {
    Transformer model = plain(config);
    model->to(torch::kFloat64);
    const TokenBatch batch = some_batch(config, 4);
    model->add_gradients(batch, 1.0);
    for (const auto& named : model->named_parameters()) {
      const auto gradient = named.value().grad().clone();
      const double norm = gradient.norm().item<double>();
      ASSERT_GT(norm, 1e-8) << named.key();
      const double h = 1e-5;
      auto data = named.value().detach();
      data.add_(gradient, h / norm);
      const double up = whole_loss(model, batch);
      data.sub_(gradient, 2 * h / norm);
      const double down = whole_loss(model, batch);
      data.add_(gradient, h / norm);
      EXPECT_NEAR((up - down) / (2 * h), norm, 1e-6 + 1e-5 * norm) << named.key();
    }
  }
}

TEST(MaskedTransformer, PredictsNextSentencesFromTheFirstTokenAndTheSegments) {
  ModelConfig config = encoder();
  config.next_sentence = true;
  Transformer model = plain(config);
  TokenBatch batch = some_batch(config, 2);
  batch.follows = {1, 0};
  std::vector<float> next, other;
  const std::vector<float> masked = model->token_losses(batch, next);
  EXPECT_EQ(masked, model->token_losses(batch));
  ASSERT_EQ(next.size(), 2u);
  EXPECT_NEAR(model->add_gradients(batch, 1).next_sentence, (next[0] + next[1]) / 2, 1e-6);
  // Two classes: the losses of one answer and of the other are -ln p and -ln(1 - p).
  batch.follows = {0, 1};
  model->token_losses(batch, other);
  for (std::size_t b = 0; b < 2; ++b) {
    EXPECT_NEAR(std::exp(-next[b]) + std::exp(-other[b]), 1, 1e-6);
  }
  for (std::int32_t& segment : batch.segments) segment = 1 - segment;
  std::vector<float> moved;
  model->token_losses(batch, moved);
  EXPECT_GT(std::abs(moved[0] - other[0]), 1e-4);
}

// Parts of a step weigh as much as they have sequences, because every window predicts as many.
TEST(MaskedTransformer, GradientsOfPartsAddUpToThoseOfTheBatch) {
  const ModelConfig config = encoders()[1];
  const TokenBatch batch = some_batch(config, 2);
  const auto part = [&](std::int64_t b) {
    const auto row = [&](const std::vector<std::int32_t>& all, std::int64_t size) {
      return std::vector<std::int32_t>(all.begin() + b * size, all.begin() + (b + 1) * size);
    };
    return TokenBatch{.sequences = 1,
                      .length = config.context,
                      .inputs = row(batch.inputs, config.context),
                      .targets = row(batch.targets, config.context),
                      .segments = row(batch.segments, config.context),
                      .follows = row(batch.follows, 1)};
  };
  Transformer whole = plain(config), parts = plain(config);
  whole->add_gradients(batch, 1.0);
  parts->add_gradients(part(0), 0.5);
  parts->add_gradients(part(1), 0.5);
  const auto expected = whole->parameters(), sum = parts->parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    // Rounding of float32 sums.
    EXPECT_TRUE(torch::allclose(sum[i].grad(), expected[i].grad(), 1e-4, 1e-6)) << i;
  }
}

}  // namespace
}  // namespace isoflop
