// A stack against as many models of their own.
#include "model/stacked_transformer.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "core/error.h"

namespace isoflop {
namespace {

// Sums in another order: some float32 roundings of terms of order one.
constexpr double kRounding = 2e-6;

ModelConfig stackable() {
  return {.vocab = 11,
          .context = 12,
          .layers = 2,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 20};
}

// Every choice of the configuration at least once.
std::vector<ModelConfig> stackable_variants() {
  std::vector<ModelConfig> all(8, stackable());
  all[1].positions = Positions::kLearned;
  all[2].norm = Norm::kLayerNorm;
  all[3].feed_forward = FeedForward::kSwiglu;
  all[4].tied_head = false;
  all[5].qk_norm = false;
  all[5].positions = Positions::kLearned;
  all[5].head_size = 6;  // an attention width that is not d
  all[6].mup_base = 4;
  all[7].norm = Norm::kLayerNorm;
  all[7].tied_head = false;
  all[7].mup_base = 4;
  return all;
}

const std::vector<std::int64_t> kSeeds{3, 1, 7};

torch::Tensor stack_of_tokens(const ModelConfig& config, std::uint64_t seed) {
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  return torch::randint(0, config.vocab,
                        {static_cast<std::int64_t>(kSeeds.size()), 4, config.context}, generator,
                        torch::kInt64);
}

Transformer alone(const ModelConfig& config, std::size_t k) {
  return Transformer(config, static_cast<std::uint64_t>(kSeeds[k]), TransformerPath::kPlain);
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(StackedTransformer, BeginsAsItsModelsDoAndGivesThemBack) {
  for (const ModelConfig& config : stackable_variants()) {
    const StackedTransformer stack(config, kSeeds, torch::kCPU);
    for (std::size_t k = 0; k < kSeeds.size(); ++k) {
      const Transformer one = alone(config, k);
      const Transformer other = stack.taken_out(static_cast<std::int64_t>(k));
      for (const auto& named : one->named_parameters()) {
        const auto& found = other->named_parameters()[named.key()];
        EXPECT_TRUE(torch::equal(named.value(), found)) << named.key();
      }
    }
  }
}

TEST(StackedTransformer, HasTheLossesOfItsModels) {
  for (const ModelConfig& config : stackable_variants()) {
    StackedTransformer stack(config, kSeeds, torch::kCPU);
    const auto tokens = stack_of_tokens(config, 5), targets = stack_of_tokens(config, 6);
    const auto losses = stack.losses(tokens, targets);
    for (std::size_t k = 0; k < kSeeds.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k);
      const auto loss = alone(config, k)->loss(tokens[row], targets[row]);
      EXPECT_NEAR(losses[row].item<double>(), loss.item<double>(), kRounding);
    }
  }
}

TEST(StackedTransformer, HasTheGradientsOfItsModelsEachInItsRow) {
  for (const ModelConfig& config : stackable_variants()) {
    StackedTransformer stack(config, kSeeds, torch::kCPU);
    const auto tokens = stack_of_tokens(config, 5), targets = stack_of_tokens(config, 6);
    stack.add_gradients(tokens, targets, 0.25);
    stack.add_gradients(tokens, targets, 0.75);
    for (std::size_t k = 0; k < kSeeds.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k);
      Transformer one = alone(config, k);
      one->loss(tokens[row], targets[row]).backward();
      for (const FlatPlace& place : flat_layout(one->groups()).places) {
        const auto found = stack.gradients()[row].narrow(0, place.offset, place.weight.numel());
        EXPECT_LT(largest_difference(found, place.weight.grad().flatten()), kRounding);
      }
    }
  }
}

TEST(StackedTransformer, LeavesOutWhatIsNotPredicted) {
  ModelConfig config = stackable();
  StackedTransformer stack(config, kSeeds, torch::kCPU);
  const auto tokens = stack_of_tokens(config, 5);
  auto targets = stack_of_tokens(config, 6);
  targets.index_put_({1, torch::indexing::Slice(0, 3)}, -1);  // trial 1 predicts one sequence only
  const auto losses = stack.losses(tokens, targets);
  const auto each = stack.token_losses(tokens, targets);
  EXPECT_EQ(each[1].slice(0, 0, 3).abs().max().item<double>(), 0);
  const auto loss = alone(config, 1)->loss(tokens[1].slice(0, 3, 4), targets[1].slice(0, 3, 4));
  EXPECT_NEAR(losses[1].item<double>(), loss.item<double>(), kRounding);
  EXPECT_NEAR(each[1][3].mean().item<double>(), loss.item<double>(), kRounding);
}

ModelConfig masked_stackable() {
  ModelConfig config = stackable();
  config.objective = Objective::kMasked;
  config.mask_fraction = 0.25;
  return config;
}

// Three of twelve tokens in every window, elsewhere in each.
torch::Tensor masked_targets(const ModelConfig& config) {
  const auto targets = stack_of_tokens(config, 6);
  const auto place = torch::rand(targets.sizes(), torch::make_generator<torch::CPUGeneratorImpl>(8))
                         .argsort(std::int64_t{-1})
                         .argsort(std::int64_t{-1});
  return torch::where(place < predictions_per_window(config), targets,
                      torch::full_like(targets, -1));
}

// Against the models' losses, which make logits of all tokens.
TEST(StackedTransformer, MaskedOnesHaveTheLossesAndGradientsOfTheirModels) {
  const ModelConfig config = masked_stackable();
  const auto tokens = stack_of_tokens(config, 5), targets = masked_targets(config);
  StackedTransformer stack(config, kSeeds, torch::kCPU);
  const auto losses = stack.add_gradients(tokens, targets, 1);
  const auto each = stack.token_losses(tokens, targets);
  EXPECT_EQ(each.masked_select(targets.eq(-1)).abs().max().item<double>(), 0);
  for (std::size_t k = 0; k < kSeeds.size(); ++k) {
    const auto row = static_cast<std::int64_t>(k);
    Transformer one = alone(config, k);
    const auto loss = one->loss(tokens[row], targets[row]);
    loss.backward();
    EXPECT_NEAR(losses[row].item<double>(), loss.item<double>(), kRounding);
    for (std::int64_t window = 0; window < 4; ++window) {
      const auto own = one->loss(tokens[row].slice(0, window, window + 1),
                                 targets[row].slice(0, window, window + 1));
      const auto mean = each[row][window].sum() / 3;
      EXPECT_NEAR(mean.item<double>(), own.item<double>(), kRounding);
    }
    for (const FlatPlace& place : flat_layout(one->groups()).places) {
      const auto found = stack.gradients()[row].narrow(0, place.offset, place.weight.numel());
      EXPECT_LT(largest_difference(found, place.weight.grad().flatten()), kRounding);
    }
  }
}

TEST(StackedTransformer, KeepsATrialsNansInItsRow) {
  const ModelConfig config = stackable();
  const auto tokens = stack_of_tokens(config, 5), targets = stack_of_tokens(config, 6);
  StackedTransformer stack(config, kSeeds, torch::kCPU), sound(config, kSeeds, torch::kCPU);
  stack.weights()[1].fill_(std::numeric_limits<float>::quiet_NaN());
  const auto losses = stack.add_gradients(tokens, targets, 1);
  sound.add_gradients(tokens, targets, 1);
  EXPECT_TRUE(std::isnan(losses[1].item<double>()));
  for (const std::int64_t k : {0, 2}) {
    EXPECT_TRUE(torch::equal(stack.gradients()[k], sound.gradients()[k]));
  }
}

// Bfloat16 has 8 bits: losses of about ln 11 after two layers agree to some thousandths, gradients
// to some hundredths of their norm.
TEST(StackedTransformer, MultipliesInBfloat16AndKeepsFloat32) {
  for (const ModelConfig& config : stackable_variants()) {
    StackedTransformer exact(config, kSeeds, torch::kCPU);
    StackedTransformer rounded(config, kSeeds, torch::kCPU, torch::kBFloat16);
    const auto tokens = stack_of_tokens(config, 5), targets = stack_of_tokens(config, 6);
    const auto one = exact.add_gradients(tokens, targets, 1);
    const auto other = rounded.add_gradients(tokens, targets, 1);
    EXPECT_LT(largest_difference(one, other), 0.02);
    EXPECT_GT(largest_difference(one, other), 0);
    EXPECT_EQ(rounded.gradients().scalar_type(), torch::kFloat32);
    const auto error = (rounded.gradients() - exact.gradients()).norm() / exact.gradients().norm();
    EXPECT_LT(error.item<double>(), 0.06);
  }
}

// One recipe: what is rounded alone is rounded in a stack, and nothing else. Then the two differ by
// the order of float32 sums, of which a few fall on the other side of a rounding: by much less than
// either differs from float32. Were the residual stream, or QK-norm before its turning, rounded in
// one of them only, the two would be as far apart as that.
TEST(StackedTransformer, RoundsInBfloat16AsItsModelsDo) {
  for (ModelConfig config : stackable_variants()) {
    config.layers = 6;
    StackedTransformer exact(config, kSeeds, torch::kCPU);
    StackedTransformer stack(config, kSeeds, torch::kCPU, torch::kBFloat16);
    const auto tokens = stack_of_tokens(config, 5), targets = stack_of_tokens(config, 6);
    exact.add_gradients(tokens, targets, 1);
    stack.add_gradients(tokens, targets, 1);
    double apart = 0, noise = 0;
    for (std::size_t k = 0; k < kSeeds.size(); ++k) {
      const auto row = static_cast<std::int64_t>(k);
      Transformer one(config, static_cast<std::uint64_t>(kSeeds[k]));
      one->compute_in(torch::kBFloat16);
      one->loss(tokens[row], targets[row]).backward();
      for (const FlatPlace& place : flat_layout(one->groups()).places) {
        const auto gradient = place.weight.grad().flatten();
        const auto part = [&](const torch::Tensor& all) {
          return all[row].narrow(0, place.offset, place.weight.numel());
        };
        apart += (part(stack.gradients()) - gradient).square().sum().item<double>();
        noise += (part(exact.gradients()) - gradient).square().sum().item<double>();
      }
    }
    EXPECT_LT(std::sqrt(apart / noise), 0.2);
  }
}

TEST(StackedTransformer, RefusesWhatCannotBeStacked) {
  ModelConfig sparse = stackable();
  sparse.experts = 4;
  EXPECT_FALSE(can_be_stacked(sparse));
  EXPECT_THROW(StackedTransformer(sparse, kSeeds, torch::kCPU), Error);
  EXPECT_THROW(StackedTransformer(stackable(), {}, torch::kCPU), Error);
}

}  // namespace
}  // namespace isoflop
