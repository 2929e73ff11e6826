#include "kernels/transformer_pass.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "core/error.h"
#include "kernels/pass_memory.h"

namespace isoflop {
namespace {

void add_share(const RouterStats& stats, double share, RouterStats& sum) {
  sum.largest_load += share * stats.largest_load;
  sum.unused += share * stats.unused;
  sum.dropped += share * stats.dropped;
  sum.entropy += share * stats.entropy;
  sum.balance += share * stats.balance;
  sum.z += share * stats.z;
}

}  // namespace

class TransformerPass::Workspace {
 public:
  Workspace(const ModelConfig& config, const Kernels& kernels)
      : config_(config), kernels_(kernels), memory_(config) {}

  PassLosses add_gradients(const TransformerTensors<const float>& weights,
                           const TransformerTensors<float>& d_weights, const TokenBatch& batch,
                           double scale, const RouterLossWeights& router) {
    check(batch);
    // A router's balance, and what does not fit into an expert, are of the whole batch.
    const std::int64_t at_once =
        config_.sparse() ? batch.sequences : std::min(memory_.per_chunk(), batch.sequences);
    const auto predictions = static_cast<double>(
        std::count_if(batch.targets.begin(), batch.targets.end(), [](auto t) { return t >= 0; }));
    double sum = 0;
    for (std::int64_t first = 0; first < batch.sequences; first += at_once) {
      TransformerPassShape shape = load(batch, first, at_once);
      shape.gradient_scale = static_cast<float>(scale / predictions);
      add_router_losses(batch.sequences * batch.length, scale, router, shape);
      kernels_.transformer_gradients(shape, weights, memory_.buffers(), d_weights);
      for (std::int64_t window = 0; window < shape.tokens.windows; ++window) {
        const float* losses = memory_.buffers().losses + place_of(window);
        for (std::int64_t t = 0; t < config_.context; ++t) sum += losses[t];
      }
    }
    return {.loss = sum / predictions, .router = mean_router_stats()};
  }

  void token_losses(const TransformerTensors<const float>& weights, const TokenBatch& batch,
                    std::span<float> losses) {
    check(batch);
    const std::int64_t at_once = std::min(memory_.per_chunk(), batch.sequences);
    for (std::int64_t first = 0; first < batch.sequences; first += at_once) {
      const TransformerPassShape shape = load(batch, first, at_once);
      kernels_.transformer_losses(shape, weights, memory_.buffers());
      for (std::int64_t window = 0; window < shape.tokens.windows; ++window) {
        std::copy_n(memory_.buffers().losses + place_of(window), config_.context,
                    losses.begin() + (first + window) * config_.context);
      }
    }
  }

 private:
  // All tokens must exist, and something must be predicted.
  void check(const TokenBatch& batch) const {
    const auto size = static_cast<std::size_t>(batch.sequences * config_.context);
    if (batch.length != config_.context || batch.sequences < 1 || batch.inputs.size() != size ||
        batch.targets.size() != size) {
      throw usage_error("batch: " + std::to_string(batch.inputs.size()) + " tokens in " +
                        std::to_string(batch.sequences) + " sequences are not sequences of " +
                        std::to_string(config_.context) + ": give context tokens for each");
    }
    const auto [least, most] = std::minmax_element(batch.inputs.begin(), batch.inputs.end());
    const auto farthest = *std::max_element(batch.targets.begin(), batch.targets.end());
    if (*least < 0 || std::max(*most, farthest) >= config_.vocab) {
      throw usage_error("batch: token " +
                        std::to_string(*least < 0 ? *least : std::max(*most, farthest)) +
                        " is not in a vocabulary of " + std::to_string(config_.vocab) +
                        ": set model.vocab to the corpus' vocabulary");
    }
    if (farthest < 0) throw usage_error("batch: predicts no token: give targets");
  }

  // Where a window's tokens begin in what is [chunks][stride].
  std::int64_t place_of(std::int64_t window) const {
    const TokenChunks tokens = memory_.tokens(0);
    return window / tokens.per_chunk * tokens.stride + window % tokens.per_chunk * tokens.padded;
  }

  // Puts the tokens of the next windows in place, with memory for them.
  TransformerPassShape load(const TokenBatch& batch, std::int64_t first, std::int64_t at_once) {
    memory_.make_room(at_once);
    const std::int64_t windows = std::min(at_once, batch.sequences - first);
    const TransformerBuffers& buffers = memory_.buffers();
    const std::int64_t places = buffers.room * memory_.tokens(windows).stride;
    std::fill_n(buffers.inputs, places, -1);
    std::fill_n(buffers.targets, places, -1);
    for (std::int64_t window = 0; window < windows; ++window) {
      const std::int64_t from = (first + window) * config_.context, to = place_of(window);
      std::copy_n(batch.inputs.begin() + from, config_.context, buffers.inputs + to);
      std::copy_n(batch.targets.begin() + from, config_.context, buffers.targets + to);
    }
    const double relative_width = config_.mup_base > 0 ? static_cast<double>(config_.width) /
                                                             static_cast<double>(config_.mup_base)
                                                       : 1.0;
    return {.config = config_,
            .tokens = memory_.tokens(windows),
            .logit_scale = static_cast<float>(1.0 / relative_width),
            .gradient_scale = 0,
            .experts = memory_.experts(windows)};
  }

  void add_router_losses(std::int64_t tokens, double scale, const RouterLossWeights& router,
                         TransformerPassShape& shape) const {
    if (!config_.sparse()) return;
    const double of_layer = scale / static_cast<double>(config_.layers);
    shape.experts.capacity = expert_capacity(config_, tokens);
    shape.balance_scale = static_cast<float>(of_layer * router.balance);
    shape.z_scale = static_cast<float>(of_layer * router.z / static_cast<double>(tokens));
  }

  RouterStats mean_router_stats() const {
    RouterStats mean;
    if (!config_.sparse()) return mean;
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      add_share(memory_.buffers().router_stats[layer], 1.0 / static_cast<double>(config_.layers),
                mean);
    }
    return mean;
  }

  ModelConfig config_;
  Kernels kernels_;
  PassMemory memory_;
};

TransformerPass::TransformerPass(const ModelConfig& config, const Kernels& kernels)
    : workspace_(std::make_unique<Workspace>(config, kernels)) {}
TransformerPass::~TransformerPass() = default;
TransformerPass::TransformerPass(TransformerPass&&) noexcept = default;
TransformerPass& TransformerPass::operator=(TransformerPass&&) noexcept = default;

PassLosses TransformerPass::add_gradients(const TransformerTensors<const float>& weights,
                                          const TransformerTensors<float>& d_weights,
                                          const TokenBatch& batch, double scale,
                                          const RouterLossWeights& router) {
  return workspace_->add_gradients(weights, d_weights, batch, scale, router);
}

void TransformerPass::token_losses(const TransformerTensors<const float>& weights,
                                   const TokenBatch& batch, std::span<float> losses) {
  workspace_->token_losses(weights, batch, losses);
}

}  // namespace isoflop
