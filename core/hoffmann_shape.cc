#include "core/hoffmann_shape.h"

#include "core/flops.h"

namespace isoflop {

ModelConfig hoffmann_config(const ModelShape& shape) {
  return {.vocab = 32000,
          .context = 2048,
          .layers = shape.layers,
          .width = shape.width,
          .heads = shape.heads,
          .head_size = shape.head_size,
          .hidden = shape.hidden};
}

std::int64_t hoffmann_matrices(const ModelConfig& config) {
  const std::int64_t attention = config.width * config.heads * config.head_size;
  return config.layers * (5 * attention + 2 * config.width * config.hidden) +
         config.vocab * config.width;
}

std::int64_t hoffmann_biases_and_norms(const ModelConfig& config) {
  return config.layers * (11 * config.width + config.hidden) + 2 * config.width;
}

HoffmannRatios hoffmann_flop_ratios(const ModelConfig& config) {
  const double six_n = 6 * static_cast<double>(hoffmann_matrices(config));
  const double layers = train_flops_per_token(config, FlopConvention::kHoffmannLayers);
  const double printed = train_flops_per_token(config, FlopConvention::kHoffmann);
  // Embedding and final logits are the same product twice.
  return {.layers = layers / six_n,
          .printed = printed / six_n,
          .logits = (layers + (printed - layers) / 2) / six_n};
}

}  // namespace isoflop
