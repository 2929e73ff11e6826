#include "kernels/transformer_pass.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/error.h"
#include "kernels/peak.h"
#include "tests/kernels/small_model.h"

namespace {
std::atomic<int> allocations{0};
}

// Counts what the program allocates. All forms of new, since each delete below frees by free().
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size > 0 ? size : 1);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace isoflop {
namespace {

std::vector<ModelConfig> variants() {
  std::vector<ModelConfig> all(7, tiny_config());
  all[1].norm = Norm::kLayerNorm;
  all[2].feed_forward = FeedForward::kSwiglu;
  all[3].positions = Positions::kLearned;
  all[3].head_size = 5;
  all[4].qk_norm = false;
  all[4].tied_head = false;
  all[5].mup_base = 7;
  all[6].context = 544;  // attention is made again
  all[6].layers = 1;
  return all;
}

TEST(TransformerPass, GradientsAgreeWithDifferencesOfTheLoss) {
  for (const Kernels& kernels : usable_kernels()) {
    for (size_t variant = 0; variant < variants().size(); ++variant) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << variant);
      Model model(variants()[variant], variant == 6 ? 1 : 3);
      const double loss = model.add_gradients(kernels).loss;
      const auto mean = [&] { return model.mean_loss(kernels); };
      EXPECT_NEAR(loss, mean(), 1e-6 * loss);
      EXPECT_NEAR(growth_along_gradient(model, mean), 1.0, 2e-3);
    }
  }
}

TEST(TransformerPass, InstructionSetsAgreeToRounding) {
  for (const ModelConfig& config : variants()) {
    Model model(config, 2);
    std::vector<float> first;
    for (const Kernels& kernels : usable_kernels()) {
      model.gradients.memory.assign(model.gradients.memory.size(), 0.0f);
      TransformerPass(config, kernels)
          .add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 1.0);
      if (first.empty()) first = model.gradients.memory;
      expect_close(model.gradients.memory, in_double(first));
    }
  }
}

TEST(TransformerPass, TheSameTwiceHasTheSameBits) {
  Model model(variants()[0], 30);  // two chunks
  TransformerPass pass(model.config);
  const double first =
      pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 0.5).loss;
  const auto gradients = model.gradients.memory;
  model.gradients.memory.assign(gradients.size(), 0.0f);
  const double again =
      pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 0.5).loss;
  EXPECT_EQ(first, again);
  EXPECT_EQ(gradients, model.gradients.memory);
}

TEST(TransformerPass, AWindowsLossesDoNotDependOnItsCompany) {
  for (const Kernels& kernels : usable_kernels()) {
    expect_no_company(Model(variants()[0], 30), kernels);
  }
}

TEST(TransformerPass, ScalesTheGradientAndAddsIt) {
  Model model(variants()[0], 2);
  TransformerPass pass(model.config);
  pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 1.0);
  std::vector<double> expected = in_double(model.gradients.memory);
  for (double& value : expected) value = 3.0 + 0.25 * value;
  model.gradients.memory.assign(expected.size(), 3.0f);
  pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 0.25);
  expect_close(model.gradients.memory, expected, 1e-6);
}

TEST(TransformerPass, AllocatesNothingOnceWarm) {
  std::vector<ModelConfig> configs(3, tiny_config());
  configs[1].objective = Objective::kMasked;
  configs[2].experts = 4;
  configs[2].shared_experts = 1;
  for (const ModelConfig& config : configs) {
    Model model(config, 30);
    TransformerPass pass(config);
    std::vector<float> losses(30 * 20);
    const auto all = [&] {
      pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 1.0);
      pass.token_losses(model.weights.tensors, model.batch, losses);
    };
    all();
    const int before = allocations;
    EXPECT_GT(before, 0);
    all();
    EXPECT_EQ(allocations, before);
  }
}

TEST(TransformerPass, RefusesWhatIsNoWindowOfTokens) {
  Model model(variants()[0], 1);
  TransformerPass pass(model.config);
  std::vector<float> losses(20);
  model.batch.inputs[3] = 37;
  EXPECT_THROW(pass.token_losses(model.weights.tensors, model.batch, losses), Error);
  model.batch.inputs[3] = -1;
  EXPECT_THROW(pass.token_losses(model.weights.tensors, model.batch, losses), Error);
  model.batch.inputs[3] = 0;
  EXPECT_NO_THROW(pass.token_losses(model.weights.tensors, model.batch, losses));
  model.batch.targets.assign(20, -1);
  EXPECT_THROW(pass.token_losses(model.weights.tensors, model.batch, losses), Error);
  model.batch.inputs.pop_back();
  EXPECT_THROW(pass.token_losses(model.weights.tensors, model.batch, losses), Error);
}

TEST(Kernels, TheBestIsTheLastAndTheBaselineAlwaysThere) {
  EXPECT_STREQ(usable_kernels().front().name, "baseline");
  EXPECT_STREQ(best_kernels().name, usable_kernels().back().name);
}

// Two FLOPs a lane at least every other cycle of a 1 GHz core, and no core does 10 TFLOP/s.
TEST(Peak, IsThatOfACore) {
  for (const Kernels& kernels : usable_kernels()) {
    const MeasuredPeak peak = measured_peak(kernels);
    EXPECT_STREQ(peak.instruction_set, kernels.name);
    EXPECT_GT(peak.flops_per_second, 1e9);
    EXPECT_LT(peak.flops_per_second, 1e13);
  }
}

}  // namespace
}  // namespace isoflop
