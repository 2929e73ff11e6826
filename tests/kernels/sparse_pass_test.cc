// Whole passes of sparse models.
#include "core/router_stats.h"
#include "tests/kernels/small_model.h"

namespace isoflop {
namespace {

constexpr RouterLossWeights kRouterWeights{.balance = 0.5, .z = 0.25};

ModelConfig sparse_config() {
  ModelConfig config = tiny_config();
  config.experts = 4;
  return config;
}

std::vector<ModelConfig> sparse_variants() {
  std::vector<ModelConfig> all(8, sparse_config());
  all[1].experts_per_token = 2;
  all[1].router = Router::kTopK;
  all[2].feed_forward = FeedForward::kSwiglu;
  all[2].shared_experts = 2;
  all[3].experts = 9;
  all[3].experts_per_token = 3;
  all[3].granularity = 3;
  all[3].shared_experts = 1;
  all[3].norm = Norm::kLayerNorm;
  all[4].capacity_factor = 0.8;
  all[5].capacity_factor = 0.6;
  all[5].experts_per_token = 2;
  all[5].router = Router::kTopK;
  all[6].objective = Objective::kMasked;
  all[6].experts_per_token = 2;
  all[7].experts_per_token = 4;  // all of them
  return all;
}

double whole_loss(Model& model, const Kernels& kernels) {
  const auto kept = model.gradients.memory;
  const PassLosses losses = model.add_gradients(kernels, kRouterWeights);
  model.gradients.memory = kept;
  return losses.loss + kRouterWeights.balance * losses.router.balance +
         kRouterWeights.z * losses.router.z;
}

// Where every token goes to every expert no choice can change between the two differences, which
// would make the loss jump. Choices and capacity: experts_test.cc.
TEST(SparsePass, GradientsAgreeWithDifferencesOfTheWholeLoss) {
  for (const Kernels& kernels : usable_kernels()) {
    for (size_t variant = 0; variant < sparse_variants().size(); ++variant) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << variant);
      ModelConfig config = sparse_variants()[variant];
      config.experts = config.experts_per_token = 3;
      config.capacity_factor = 0;
      Model model(config, 9);  // two chunks
      const double loss = model.add_gradients(kernels, kRouterWeights).loss;
      EXPECT_NEAR(loss, model.mean_loss(kernels), 1e-6 * loss);
      const auto whole = [&] { return whole_loss(model, kernels); };
      EXPECT_NEAR(growth_along_gradient(model, whole), 1.0, 2e-3);
    }
  }
}

TEST(SparsePass, InstructionSetsAgreeToRounding) {
  for (const ModelConfig& config : sparse_variants()) {
    Model model(config, 9);
    std::vector<float> first;
    for (const Kernels& kernels : usable_kernels()) {
      model.gradients.memory.assign(model.gradients.memory.size(), 0.0f);
      model.add_gradients(kernels, kRouterWeights);
      if (first.empty()) first = model.gradients.memory;
      expect_close(model.gradients.memory, in_double(first), 2e-5);
    }
  }
}

TEST(SparsePass, AWindowsLossesDoNotDependOnItsCompany) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const ModelConfig& config : sparse_variants()) {
      expect_no_company(Model(config, 20), kernels);
    }
  }
}

// The dense model's feed-forward is the only expert's; the router has nothing to decide.
TEST(SparsePass, OneExpertIsTheDenseModel) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const Router router : {Router::kSwitch, Router::kTopK}) {
      Model dense(tiny_config(), 9);
      ModelConfig config = tiny_config();
      config.experts = 1;
      config.router = router;
      Model sparse(config, 9);
      copy_dense_weights(dense, sparse);
      const double right = dense.add_gradients(kernels).loss;
      const PassLosses found = sparse.add_gradients(kernels, {.balance = 1});
      EXPECT_NEAR(found.loss, right, 1e-6 * right);
      EXPECT_EQ(found.router.largest_load, 1);
      EXPECT_EQ(found.router.unused, 0);
      EXPECT_NEAR(found.router.entropy, 0, 1e-6);
      EXPECT_NEAR(found.router.balance, 1, 1e-6);
      for_each_dense_tensor(
          config, dense.gradients.tensors, sparse.gradients.tensors,
          [](const float* expected, const float* gradient, std::int64_t count, auto) {
            expect_close({gradient, gradient + count}, {expected, expected + count}, 1e-6);
          });
    }
  }
}

// Every token goes to every expert, and each expert is the same: the gates' sum is 1.
TEST(SparsePass, EqualExpertsThatAllAreChosenAreOne) {
  ModelConfig config = tiny_config();
  config.experts = config.experts_per_token = 3;
  Model sparse(config, 9), dense(tiny_config(), 9);
  copy_dense_weights(dense, sparse);
  const double right = dense.add_gradients(best_kernels()).loss;
  EXPECT_NEAR(sparse.add_gradients(best_kernels()).loss, right, 1e-6 * right);
}

TEST(SparsePass, DropsWhatDoesNotFitAndSaysSo) {
  ModelConfig config = sparse_config();
  Model model(config, 9);
  const double all = model.add_gradients(best_kernels()).loss;
  config.capacity_factor = 0.5;
  Model limited(config, 9);
  const PassLosses losses = limited.add_gradients(best_kernels());
  EXPECT_GE(losses.router.dropped, 0.5);  // an expert takes half of an even share at most
  EXPECT_LT(losses.router.dropped, 1);
  EXPECT_NE(losses.loss, all);
  config.capacity_factor = 4;  // all tokens fit into one expert
  Model roomy(config, 9);
  const PassLosses same = roomy.add_gradients(best_kernels());
  EXPECT_EQ(same.router.dropped, 0);
  EXPECT_EQ(same.loss, all);
  EXPECT_EQ(roomy.gradients.memory, model.gradients.memory);
}

TEST(SparsePass, EvaluationDropsNothing) {
  ModelConfig config = sparse_config();
  const auto all = Model(config, 3).token_losses(best_kernels());
  config.capacity_factor = 0.5;
  EXPECT_EQ(Model(config, 3).token_losses(best_kernels()), all);
}

TEST(SparsePass, StatisticsAreMeansOverLayers) {
  ModelConfig config = sparse_config();
  Model model(config, 5);
  const RouterStats both = model.add_gradients(best_kernels()).router;
  config.layers = 1;
  Model shallow(config, 5);
  std::copy_n(model.weights.memory.begin(), shallow.weights.memory.size() - 14,
              shallow.weights.memory.begin());
  const RouterStats first = shallow.add_gradients(best_kernels()).router;
  EXPECT_NE(first.entropy, both.entropy);
  EXPECT_LT(std::abs(first.entropy - both.entropy), 0.7);
  EXPECT_GT(both.entropy, 0);
  EXPECT_LT(both.entropy, std::log(4.0));
  EXPECT_GE(both.balance, 0.9);
  EXPECT_GE(both.largest_load, 1);
}

}  // namespace
}  // namespace isoflop
