// Whole passes of masked models: attention over the whole window, a head where something is
// predicted.
#include "tests/kernels/small_model.h"

namespace isoflop {
namespace {

std::vector<ModelConfig> masked_variants() {
  ModelConfig tiny = tiny_config();
  tiny.objective = Objective::kMasked;
  std::vector<ModelConfig> all(6, tiny);
  all[1].norm = Norm::kLayerNorm;
  all[1].positions = Positions::kLearned;
  all[2].feed_forward = FeedForward::kSwiglu;
  all[2].context = 32;  // no empty tokens
  all[3].mup_base = 7;
  all[4].tied_head = false;
  all[4].context = 5;
  all[5].context = 541;  // attention is made again
  all[5].layers = 1;
  return all;
}

TEST(MaskedPass, GradientsAgreeWithDifferencesOfTheLoss) {
  for (const Kernels& kernels : usable_kernels()) {
    for (size_t variant = 0; variant < masked_variants().size(); ++variant) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << variant);
      Model model(masked_variants()[variant], variant == 5 ? 1 : 4);
      const double loss = model.add_gradients(kernels).loss;
      const auto mean = [&] { return model.mean_loss(kernels); };
      EXPECT_NEAR(loss, mean(), 1e-6 * loss);
      EXPECT_NEAR(growth_along_gradient(model, mean), 1.0, 2e-3);
    }
  }
}

TEST(MaskedPass, InstructionSetsAgreeToRounding) {
  for (const ModelConfig& config : masked_variants()) {
    Model model(config, 2);
    std::vector<float> first;
    for (const Kernels& kernels : usable_kernels()) {
      model.gradients.memory.assign(model.gradients.memory.size(), 0.0f);
      model.add_gradients(kernels);
      if (first.empty()) first = model.gradients.memory;
      expect_close(model.gradients.memory, in_double(first));
    }
  }
}

TEST(MaskedPass, AWindowsLossesDoNotDependOnItsCompany) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const ModelConfig& config : masked_variants()) {
      expect_no_company(Model(config, 20), kernels);
    }
  }
}

TEST(MaskedPass, WhatIsNotPredictedHasNoLoss) {
  const Model model(masked_variants()[0], 9);
  const std::vector<float> losses = model.token_losses(best_kernels());
  for (size_t t = 0; t < losses.size(); ++t) {
    EXPECT_EQ(losses[t] == 0, model.batch.targets[t] < 0) << t;
  }
}

// The first token sees the last; nothing sees beyond its window.
TEST(MaskedPass, AWindowIsSeenBothWays) {
  Model model(masked_variants()[0], 2);
  model.batch.targets.assign(model.batch.targets.size(), -1);
  model.batch.targets[0] = model.batch.targets[20] = 7;
  const auto before = model.token_losses(best_kernels());
  model.batch.inputs[19] ^= 1;
  const auto after = model.token_losses(best_kernels());
  EXPECT_NE(before[0], after[0]);
  EXPECT_EQ(before[20], after[20]);
}

// With a target for every token the packed head is the whole one. Only what is causal differs, and
// a window of one token has nothing to hide.
TEST(MaskedPass, OneTokenWindowsAreThoseOfAnAutoregressiveModel) {
  ModelConfig config = tiny_config();
  config.context = 1;
  Model plain(config, 40);
  config.objective = Objective::kMasked;
  Model masked(config, 40);
  masked.batch = plain.batch;
  EXPECT_EQ(plain.token_losses(best_kernels()), masked.token_losses(best_kernels()));
  plain.add_gradients(best_kernels());
  masked.add_gradients(best_kernels());
  expect_close(masked.gradients.memory, in_double(plain.gradients.memory), 1e-6);
}

}  // namespace
}  // namespace isoflop
