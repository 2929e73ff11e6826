// A small transformer for tests of the whole pass: random weights, gradients and a batch.
#ifndef ISOFLOP_TESTS_KERNELS_SMALL_MODEL_H_
#define ISOFLOP_TESTS_KERNELS_SMALL_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "kernels/transformer_pass.h"
#include "tests/kernels/oracle.h"

namespace isoflop {

// A transformer's parameters, or their gradients, in one stretch of memory.
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
    const std::int64_t two = c.feed_forward == FeedForward::kSwiglu ? 2 : 1;
    const std::int64_t experts = c.sparse() ? c.experts : 1;
    const std::int64_t routed = c.sparse() ? c.expert_width() : c.hidden;
    const std::int64_t shared = c.sparse() ? c.shared_experts * routed : 0;
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
               .feed_forward_in = take(experts * two * routed * d),
               .feed_forward_out = take(experts * d * routed),
               .router = take(c.experts * d),
               .shared_in = take(two * shared * d),
               .shared_out = take(d * shared)};
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
    if (c.masked()) predict_some(random);
  }

  // The last window predicts nothing where there are others.
  void predict_some(std::mt19937& random) {
    for (std::int32_t& target : batch.targets) {
      if (random() % 5 > 0) target = -1;
    }
    batch.targets[3] = 1;
    if (batch.sequences == 1) return;
    std::fill(batch.targets.end() - config.context, batch.targets.end(), -1);
  }

  // Adds to the gradients.
  PassLosses add_gradients(const Kernels& kernels, const RouterLossWeights& router = {}) {
    return TransformerPass(config, kernels)
        .add_gradients(weights.tensors, gradients.tensors, batch, 1.0, router);
  }

  std::vector<float> token_losses(const Kernels& kernels) const {
    std::vector<float> losses(batch.targets.size());
    TransformerPass(config, kernels).token_losses(weights.tensors, batch, losses);
    return losses;
  }

  double mean_loss(const Kernels& kernels) const {
    double sum = 0, predictions = 0;
    for (const float loss : token_losses(kernels)) sum += loss;
    for (const std::int32_t target : batch.targets) predictions += target >= 0 ? 1 : 0;
    return sum / predictions;
  }
};

inline ModelConfig tiny_config() {
  return {.vocab = 37,
          .context = 20,
          .layers = 2,
          .width = 14,
          .heads = 2,
          .head_size = 6,
          .hidden = 27};
}

// How the loss grows along the gradient g, relative to |g|^2; 1 where g is right. Steps that change
// the loss by about 4e-3 leave a truncation below 1e-3 and a rounding of 1e-6 / 4e-3.
inline double growth_along_gradient(Model& model, const std::function<double()>& loss) {
  double square = 0;
  for (const float g : model.gradients.memory) square += static_cast<double>(g) * g;
  const double step = 2e-3 / square;
  const auto start = model.weights.memory;
  const auto loss_at = [&](double distance) {
    for (size_t i = 0; i < start.size(); ++i) {
      model.weights.memory[i] = static_cast<float>(start[i] + distance * model.gradients.memory[i]);
    }
    return loss();
  };
  const double growth = (loss_at(step) - loss_at(-step)) / (2 * step * square);
  model.weights.memory = start;
  return growth;
}

// A window's losses, evaluated alone, have the same bits as among all.
inline void expect_no_company(const Model& model, const Kernels& kernels) {
  const std::vector<float> together = model.token_losses(kernels);
  const std::int64_t length = model.config.context;
  std::vector<float> alone(static_cast<size_t>(length));
  for (std::int64_t window = 0; window < model.batch.sequences; ++window) {
    const auto of_window = [&](const std::vector<std::int32_t>& tokens) {
      return std::vector(tokens.begin() + window * length, tokens.begin() + (window + 1) * length);
    };
    const TokenBatch one{.sequences = 1,
                         .length = length,
                         .inputs = of_window(model.batch.inputs),
                         .targets = of_window(model.batch.targets)};
    if (*std::max_element(one.targets.begin(), one.targets.end()) < 0) continue;
    TransformerPass(model.config, kernels).token_losses(model.weights.tensors, one, alone);
    for (size_t t = 0; t < alone.size(); ++t) {
      ASSERT_EQ(alone[t], together[static_cast<size_t>(window * length) + t]) << window;
    }
  }
}

// body(dense tensor, sparse tensor, floats, copies): where a sparse model keeps what a dense one of
// the same shape has, `copies` times behind each other.
template <class Float, class Body>
void for_each_dense_tensor(const ModelConfig& c, const TransformerTensors<Float>& dense,
                           const TransformerTensors<Float>& sparse, const Body& body) {
  const std::int64_t mixed = c.heads * c.head_size * c.width, inner = c.width * c.hidden;
  body(dense.embedding, sparse.embedding, c.vocab * c.width, 1);
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const BlockTensors<Float>&a = dense.blocks[layer], &b = sparse.blocks[layer];
    body(a.attention_norm, b.attention_norm, c.width, 1);
    body(a.qkv, b.qkv, 3 * mixed, 1);
    body(a.qk_gain, b.qk_gain, 2 * c.head_size, 1);
    body(a.attention_out, b.attention_out, mixed, 1);
    body(a.feed_forward_norm, b.feed_forward_norm, c.width, 1);
    body(a.feed_forward_in, b.feed_forward_in, inner, c.experts);
    body(a.feed_forward_out, b.feed_forward_out, inner, c.experts);
  }
  body(dense.final_norm, sparse.final_norm, c.width, 1);
}

// Every expert becomes the dense model's feed-forward.
inline void copy_dense_weights(const Model& dense, Model& sparse) {
  for_each_dense_tensor(sparse.config, dense.weights.tensors, sparse.weights.tensors,
                        [](const float* from, const float* to, std::int64_t count, auto copies) {
                          for (int copy = 0; copy < copies; ++copy) {
                            std::copy_n(from, count, const_cast<float*>(to) + copy * count);
                          }
                        });
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_KERNELS_SMALL_MODEL_H_
