// A stack's optimizer against one optimizer a trial.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/stacked_adamw.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "model/stacked_transformer.h"

namespace isoflop {
namespace {

const std::vector<std::int64_t> kStackSeeds{1, 2, 3};

ModelConfig stack_shape() {
  return {.vocab = 13,
          .context = 8,
          .layers = 1,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 12,
          .mup_base = 4};
}

// Two of one rate, one of another with another decay; the last is not clipped.
std::vector<TrainSpec> stack_specs() {
  std::vector<TrainSpec> specs(3);
  specs[0].clip = 2;
  specs[1].rate = 0.05;
  specs[1].weight_decay = 0.3;
  specs[2].clip = 0;
  return specs;
}

torch::Tensor as_tensor(const std::vector<float>& values) { return torch::tensor(values); }

TEST(StackedAdamW, DoesForEveryRowWhatOneOptimizerDoes) {
  StackedTransformer stack(stack_shape(), kStackSeeds, torch::kCPU);
  const auto specs = stack_specs();
  StackedAdamW stacked(stack.weights(), stack.gradients(), stack.layout(), specs);
  std::vector<Transformer> models;
  std::vector<AdamW> alone;
  for (std::size_t k = 0; k < specs.size(); ++k) {
    models.emplace_back(stack_shape(), static_cast<std::uint64_t>(kStackSeeds[k]));
    alone.emplace_back(models[k]->groups(), specs[k]);
  }
  torch::manual_seed(1);
  for (int step = 0; step < 4; ++step) {
    const double factor = 1.0 / (step + 1);
    stack.gradients().copy_(torch::randn_like(stack.gradients()));
    std::vector<double> rates, norms;
    for (std::size_t k = 0; k < specs.size(); ++k) {
      const auto row = stack.gradients()[static_cast<std::int64_t>(k)].contiguous();
      const auto* first = row.data_ptr<float>();
      alone[k].restore_gradients({first, first + row.numel()});
      norms.push_back(alone[k].clip_gradients(specs[k].clip));
      rates.push_back(specs[k].rate * factor);
      alone[k].step(rates.back());
    }
    stacked.set_rates(rates);
    const auto found = stacked.clip_gradients();
    stacked.step();
    for (std::size_t k = 0; k < specs.size(); ++k) {
      EXPECT_NEAR(found[static_cast<std::int64_t>(k)].item<double>(), norms[k], 1e-4);
    }
  }
  for (std::size_t k = 0; k < specs.size(); ++k) {
    const AdamW::State one = alone[k].state(), other = stacked.state(static_cast<std::int64_t>(k));
    // The clipping coefficient is float32 here and double there.
    EXPECT_TRUE(torch::allclose(as_tensor(one.weights), as_tensor(other.weights), 1e-6, 1e-6));
    EXPECT_TRUE(torch::allclose(as_tensor(one.means), as_tensor(other.means), 1e-5, 1e-7));
    EXPECT_TRUE(torch::allclose(as_tensor(one.squares), as_tensor(other.squares), 1e-5, 1e-7));
  }
}

TEST(StackedAdamW, TakesOverWhatOneOptimizerHas) {
  StackedTransformer stack(stack_shape(), kStackSeeds, torch::kCPU);
  const auto specs = stack_specs();
  StackedAdamW stacked(stack.weights(), stack.gradients(), stack.layout(), specs);
  Transformer model(stack_shape(), 9);
  AdamW alone(model->groups(), specs[1]);
  stacked.restore(1, alone.state());
  EXPECT_EQ(stacked.state(1).weights, alone.state().weights);
  EXPECT_NE(stacked.state(0).weights, alone.state().weights);
  AdamW::State other = alone.state();
  other.means.pop_back();
  EXPECT_THROW(stacked.restore(1, other), Error);
}

// A row that has diverged stays alone with it.
TEST(StackedAdamW, KeepsNansInTheirRow) {
  StackedTransformer stack(stack_shape(), kStackSeeds, torch::kCPU);
  const auto specs = stack_specs();
  StackedAdamW stacked(stack.weights(), stack.gradients(), stack.layout(), specs);
  stack.gradients().fill_(0.1);
  stack.gradients()[0].fill_(std::numeric_limits<float>::quiet_NaN());
  stacked.set_rates(std::vector<double>{0.1, 0.1, 0.1});
  stacked.clip_gradients();
  stacked.step();
  EXPECT_TRUE(stack.weights()[0].isnan().all().item<bool>());
  EXPECT_TRUE(stack.weights().slice(0, 1).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace isoflop
#endif
