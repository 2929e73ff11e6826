// The kernels' path of the transformer against LibTorch's.
#include <gtest/gtest.h>
#include <string>

#include "core/error.h"
#include "model/transformer.h"

namespace isoflop {
namespace {

struct Case {
  std::string name;
  ModelConfig config;
  std::int64_t batch = 2;
};

ModelConfig shaped(std::int64_t width, std::int64_t heads, std::int64_t head_size,
                   std::int64_t context, std::int64_t vocab = 256) {
  return {.vocab = vocab,
          .context = context,
          .layers = 2,
          .width = width,
          .heads = heads,
          .head_size = head_size,
          .hidden = 4 * width};
}

ModelConfig with(ModelConfig config, void (*change)(ModelConfig&)) {
  change(config);
  return config;
}

std::vector<Case> cases() {
  const ModelConfig small = shaped(32, 2, 16, 48);
  return {
      {"width 16", shaped(16, 1, 16, 128), 3},
      {"width 32", shaped(32, 2, 16, 128), 8},
      {"width 64", shaped(64, 4, 16, 128)},
      {"width 128", shaped(128, 8, 16, 64)},
      {"head size 8, a small vocabulary", shaped(16, 2, 8, 33, 32), 5},
      {"head size 10, odd sizes everywhere", shaped(30, 3, 10, 7, 101), 7},
      {"head size 12, attention wider than d", shaped(20, 3, 12, 100)},
      {"a vocabulary of 4096", shaped(32, 2, 16, 128, 4096), 3},
      {"long enough to make attention again", shaped(16, 1, 16, 530, 50), 1},
      {"swiglu", with(small, [](ModelConfig& c) { c.feed_forward = FeedForward::kSwiglu; })},
      {"swiglu, odd hidden", with(small,
                                  [](ModelConfig& c) {
                                    c.feed_forward = FeedForward::kSwiglu;
                                    c.hidden = 85;
                                  })},
      {"untied", with(small, [](ModelConfig& c) { c.tied_head = false; })},
      {"without QK-norm", with(small, [](ModelConfig& c) { c.qk_norm = false; })},
      {"layer norm", with(small, [](ModelConfig& c) { c.norm = Norm::kLayerNorm; })},
      {"learned positions", with(small, [](ModelConfig& c) { c.positions = Positions::kLearned; })},
      {"learned positions, odd heads", with(small,
                                            [](ModelConfig& c) {
                                              c.positions = Positions::kLearned;
                                              c.head_size = 5;
                                              c.context = 20;
                                            })},
      {"the architecture of GPT-2", with(small,
                                         [](ModelConfig& c) {
                                           c.norm = Norm::kLayerNorm;
                                           c.positions = Positions::kLearned;
                                           c.qk_norm = false;
                                         })},
      {"width transfer", with(small, [](ModelConfig& c) { c.mup_base = 8; })},
      {"width transfer, untied", with(small,
                                      [](ModelConfig& c) {
                                        c.mup_base = 8;
                                        c.tied_head = false;
                                      })},
      {"five layers", with(small, [](ModelConfig& c) { c.layers = 5; })},
  };
}

std::vector<Case> masked_cases() {
  ModelConfig small = shaped(32, 2, 16, 50);
  small.objective = Objective::kMasked;
  return {
      {"masked", small, 5},
      {"masked, whole vectors", with(small, [](ModelConfig& c) { c.context = 128; }), 4},
      {"masked, layer norm and learned positions", with(small,
                                                        [](ModelConfig& c) {
                                                          c.norm = Norm::kLayerNorm;
                                                          c.positions = Positions::kLearned;
                                                        })},
      {"masked, width transfer, untied", with(small,
                                              [](ModelConfig& c) {
                                                c.mup_base = 8;
                                                c.tied_head = false;
                                              })},
      {"masked, a vocabulary of 4096", with(small, [](ModelConfig& c) { c.vocab = 4096; }), 9},
      {"masked, long enough to make attention again",
       with(small,
            [](ModelConfig& c) {
              c.context = 530;
              c.layers = 1;
            }),
       1},
  };
}

std::vector<Case> sparse_cases() {
  ModelConfig small = shaped(32, 2, 16, 48);
  small.experts = 4;
  return {
      {"sparse", small, 9},
      {"sparse, one expert", with(small, [](ModelConfig& c) { c.experts = 1; }), 3},
      {"sparse, the best 2 of 8",
       with(small,
            [](ModelConfig& c) {
              c.experts = 8;
              c.experts_per_token = 2;
              c.router = Router::kTopK;
            }),
       5},
      {"sparse, switch, 3 of 7",
       with(small,
            [](ModelConfig& c) {
              c.experts = 7;
              c.experts_per_token = 3;
            }),
       5},
      {"sparse, fine and shared, swiglu",
       with(small,
            [](ModelConfig& c) {
              c.experts = 16;
              c.experts_per_token = 4;
              c.granularity = 4;
              c.shared_experts = 2;
              c.router = Router::kTopK;
              c.feed_forward = FeedForward::kSwiglu;
            }),
       6},
      {"sparse, limited", with(small, [](ModelConfig& c) { c.capacity_factor = 0.7; }), 9},
      {"sparse, limited, the best 2",
       with(small,
            [](ModelConfig& c) {
              c.capacity_factor = 0.9;
              c.experts_per_token = 2;
              c.router = Router::kTopK;
            }),
       9},
      {"sparse and masked",
       with(small,
            [](ModelConfig& c) {
              c.context = 45;
              c.objective = Objective::kMasked;
              c.shared_experts = 1;
            }),
       7},
  };
}

TokenBatch some_windows(const ModelConfig& config, std::int64_t batch) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(7);
  const auto tokens =
      torch::randint(0, config.vocab, {batch * (config.context + 1)}, generator, torch::kInt32);
  const auto* first = tokens.data_ptr<std::int32_t>();
  TokenBatch windows = next_token_batch({first, first + tokens.numel()}, config.context);
  if (!config.masked()) return windows;
  for (size_t i = 0; i < windows.targets.size(); ++i) {
    if (windows.inputs[i] % 6 > 0) windows.targets[i] = -1;
  }
  return windows;
}

// Gains of one and biases of zero would hide one that is left out.
void shake_vectors(TransformerImpl& model) {
  torch::NoGradGuard no_grad;
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(8);
  const auto groups = model.groups();
  for (torch::Tensor vector : groups.back().weights)
    vector.add_(0.3 * torch::randn(vector.sizes(), generator));
}

void clear_gradients(TransformerImpl& model) {
  for (auto& parameter : model.parameters()) {
    parameter.mutable_grad() = torch::zeros_like(parameter);
  }
}

void expect_same_statistics(const RouterStats& found, const RouterStats& expected) {
  EXPECT_NEAR(found.largest_load, expected.largest_load, 1e-6);
  EXPECT_NEAR(found.unused, expected.unused, 1e-6);
  EXPECT_NEAR(found.dropped, expected.dropped, 1e-6);
  EXPECT_NEAR(found.entropy, expected.entropy, 1e-5);
  EXPECT_NEAR(found.balance, expected.balance, 1e-5);
  EXPECT_NEAR(found.z, expected.z, 1e-5 * (1 + expected.z));
}

void expect_agreement(const Case& each) {
  SCOPED_TRACE(each.name);
  Transformer fast(each.config, 3), plain(each.config, 3, TransformerPath::kPlain);
  for (auto* model : {&fast, &plain}) {
    shake_vectors(**model);
    clear_gradients(**model);
    (*model)->set_router_weights({.balance = 0.3, .z = 0.1});
  }
  const auto windows = some_windows(each.config, each.batch);
  const double scale = 0.7;
  const BatchLosses found = fast->add_gradients(windows, scale);
  const BatchLosses right = plain->add_gradients(windows, scale);
  // Both sum hundreds of terms in single precision (6e-8 each) in different orders.
  EXPECT_NEAR(found.loss, right.loss, 2e-6 * right.loss);
  expect_same_statistics(found.router, right.router);
  const auto expected = plain->named_parameters();
  for (const auto& named : fast->named_parameters()) {
    const auto& gradient = expected[named.key()].grad();
    const double error = (named.value().grad() - gradient).norm().item<double>();
    // A router with nothing to choose has no gradient but rounding's.
    EXPECT_LE(error, 1e-5 * gradient.norm().item<double>() + 1e-8) << named.key();
  }
  const auto fast_tokens = fast->token_losses(windows), plain_tokens = plain->token_losses(windows);
  ASSERT_EQ(fast_tokens.size(), plain_tokens.size());
  for (size_t i = 0; i < fast_tokens.size(); ++i) {
    ASSERT_NEAR(fast_tokens[i], plain_tokens[i], 1e-5 * (1 + plain_tokens[i])) << i;
  }
}

TEST(TransformerOnKernels, AgreesWithThePlainOne) {
  torch::set_num_threads(1);
  for (const Case& each : cases()) expect_agreement(each);
}

TEST(TransformerOnKernels, AgreesWithThePlainMaskedModel) {
  torch::set_num_threads(1);
  for (const Case& each : masked_cases()) expect_agreement(each);
}

// Both choose the same experts: no two logits of these seeds are nearer than rounding.
TEST(TransformerOnKernels, AgreesWithThePlainSparseModel) {
  torch::set_num_threads(1);
  for (const Case& each : sparse_cases()) expect_agreement(each);
}

TEST(TransformerOnKernels, AddsToTheGradientsThatAreThere) {
  const ModelConfig config = shaped(16, 2, 8, 20);
  Transformer model(config, 3);
  clear_gradients(*model);
  const auto one = some_windows(config, 1), three = some_windows(config, 3);
  auto* storage = model->parameters()[0].grad().data_ptr<float>();
  model->add_gradients(one, 0.25);
  model->add_gradients(three, 0.75);
  EXPECT_EQ(model->parameters()[0].grad().data_ptr<float>(), storage);
  Transformer plain(config, 3, TransformerPath::kPlain);
  clear_gradients(*plain);
  plain->add_gradients(one, 0.25);
  plain->add_gradients(three, 0.75);
  const auto expected = plain->parameters(), found = model->parameters();
  for (size_t i = 0; i < expected.size(); ++i) {
    const double norm = expected[i].grad().norm().item<double>();
    EXPECT_LT((expected[i].grad() - found[i].grad()).norm().item<double>(), 1e-5 * norm) << i;
  }
}

// Weights of 1e30 make logits and a loss of that size: finite, and to be seen as such.
TEST(TransformerOnKernels, HugeAndBrokenWeightsShowInTheLoss) {
  ModelConfig config = shaped(16, 1, 16, 20);
  config.tied_head = false;
  Transformer model(config, 3);
  clear_gradients(*model);
  const auto windows = some_windows(config, 1);
  torch::NoGradGuard no_grad;
  auto head = model->named_parameters()["head"];
  head.mul_(1e30);
  const double huge = model->add_gradients(windows, 1.0).loss;
  EXPECT_GT(huge, 1e29);
  EXPECT_TRUE(std::isfinite(huge));
  head[3][4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(model->add_gradients(windows, 1.0).loss));
  head.zero_();
  model->named_parameters()["block0.qkv"][0][0] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(std::isfinite(model->add_gradients(windows, 1.0).loss));
}

TEST(TransformerOnKernels, RefusesTokensOutsideOfTheVocabulary) {
  const ModelConfig config = shaped(16, 1, 16, 20, 30);
  Transformer model(config, 3);
  auto windows = some_windows(config, 1);
  windows.inputs[5] = 30;
  EXPECT_THROW(model->token_losses(windows), Error);
  windows.inputs[5] = -1;
  EXPECT_THROW(model->token_losses(windows), Error);
}

}  // namespace
}  // namespace isoflop
