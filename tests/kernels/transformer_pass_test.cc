#include "kernels/transformer_pass.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/error.h"
#include "kernels/peak.h"
#include "tests/kernels/oracle.h"

namespace {
std::atomic<int> allocations{0};
}

// Counts what the program allocates.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace isoflop {
namespace {

// A decoder's parameters, or their gradients, in one stretch of memory.
template <class Float>
struct Parameters {
  std::vector<float> memory;
  std::vector<BlockTensors<Float>> blocks;
  TransformerTensors<Float> tensors{};

  explicit Parameters(const ModelConfig& c)
      : memory(static_cast<size_t>(count_params(c).total())),
        blocks(static_cast<size_t>(c.layers)) {
    float* next = memory.data();
    const auto take = [&](std::int64_t count) {
      next += count;
      return count > 0 ? next - count : nullptr;
    };
    const std::int64_t d = c.width, mixed = c.heads * c.head_size;
    const std::int64_t bias = c.norm == Norm::kLayerNorm ? d : 0;
    const std::int64_t inner = (c.feed_forward == FeedForward::kSwiglu ? 2 : 1) * c.hidden;
    tensors.embedding = take(c.vocab * d);
    tensors.positions = take(c.positions == Positions::kLearned ? c.context * d : 0);
    for (auto& block : blocks) {
      block = {.attention_norm = take(d),
               .attention_norm_bias = take(bias),
               .qkv = take(3 * mixed * d),
               .qk_gain = take(c.qk_norm ? 2 * c.head_size : 0),
               .attention_out = take(d * mixed),
               .feed_forward_norm = take(d),
               .feed_forward_norm_bias = take(bias),
               .feed_forward_in = take(inner * d),
               .feed_forward_out = take(d * c.hidden)};
    }
    tensors.blocks = blocks.data();
    tensors.final_norm = take(d);
    tensors.final_norm_bias = take(bias);
    tensors.head = c.tied_head ? tensors.embedding : take(c.vocab * d);
    EXPECT_EQ(next, memory.data() + memory.size());
  }
  Parameters(const Parameters&) = delete;
};

struct Model {
  ModelConfig config;
  Parameters<const float> weights;
  Parameters<float> gradients;
  TokenBatch batch;

  Model(const ModelConfig& c, std::int64_t sequences) : config(c), weights(c), gradients(c) {
    weights.memory.assign(weights.memory.size(), 0.0f);
    const auto values = random_floats(static_cast<std::int64_t>(weights.memory.size()), 1, 0.4);
    std::copy(values.begin(), values.end(), weights.memory.begin());
    std::mt19937 random(2);
    std::vector<std::int32_t> windows;
    for (std::int64_t i = 0; i < sequences * (c.context + 1); ++i) {
      windows.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(c.vocab)));
    }
    batch = next_token_batch(windows, c.context);
  }

  double mean_loss(const Kernels& kernels) {
    std::vector<float> losses(batch.targets.size());
    TransformerPass(config, kernels).token_losses(weights.tensors, batch, losses);
    double sum = 0;
    for (const float loss : losses) sum += loss;
    return sum / static_cast<double>(losses.size());
  }
};

std::vector<ModelConfig> variants() {
  const ModelConfig tiny{.vocab = 37,
                         .context = 20,
                         .layers = 2,
                         .width = 14,
                         .heads = 2,
                         .head_size = 6,
                         .hidden = 27};
  std::vector<ModelConfig> all(7, tiny);
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

// Along the gradient g the loss grows by |g|^2 h. Steps that change the loss by about 4e-3 leave a
// truncation below 1e-3 and a rounding of 1e-6 / 4e-3.
TEST(TransformerPass, GradientsAgreeWithDifferencesOfTheLoss) {
  for (const Kernels& kernels : usable_kernels()) {
    for (size_t variant = 0; variant < variants().size(); ++variant) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << variant);
      Model model(variants()[variant], variant == 6 ? 1 : 3);
      TransformerPass pass(model.config, kernels);
      const double loss =
          pass.add_gradients(model.weights.tensors, model.gradients.tensors, model.batch, 1.0).loss;
      EXPECT_NEAR(loss, model.mean_loss(kernels), 1e-6 * loss);
      double square = 0;
      for (const float g : model.gradients.memory) square += static_cast<double>(g) * g;
      const double step = 2e-3 / square;
      const auto start = model.weights.memory;
      const auto loss_at = [&](double distance) {
        for (size_t i = 0; i < start.size(); ++i) {
          model.weights.memory[i] =
              static_cast<float>(start[i] + distance * model.gradients.memory[i]);
        }
        return model.mean_loss(kernels);
      };
      EXPECT_NEAR((loss_at(step) - loss_at(-step)) / (2 * step * square), 1.0, 2e-3);
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
    Model model(variants()[0], 30);
    std::vector<float> together(static_cast<size_t>(30 * model.config.context)), alone(20);
    TransformerPass(model.config, kernels)
        .token_losses(model.weights.tensors, model.batch, together);
    for (std::int64_t window = 0; window < 30; ++window) {
      const auto of_window = [&](const std::vector<std::int32_t>& tokens) {
        return std::vector(tokens.begin() + window * 20, tokens.begin() + (window + 1) * 20);
      };
      const TokenBatch one{.sequences = 1,
                           .length = 20,
                           .inputs = of_window(model.batch.inputs),
                           .targets = of_window(model.batch.targets)};
      TransformerPass(model.config, kernels).token_losses(model.weights.tensors, one, alone);
      for (size_t t = 0; t < 20; ++t) {
        ASSERT_EQ(alone[t], together[static_cast<size_t>(window) * 20 + t]) << window;
      }
    }
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
  Model model(variants()[0], 30);
  TransformerPass pass(model.config);
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
