#include "core/model_config.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

// A size; products of two of them fit into 64 bits.
constexpr std::int64_t kLargestSize = 1'000'000'000;
// Of a model, far below what 64 bits count.
constexpr double kMostParams = 1e15;

void require_positive(std::int64_t value, const char* key) {
  if (value > 0 && value <= kLargestSize) return;
  throw usage_error(std::string(key) + ": " + std::to_string(value) +
                    " is not a size: give a whole number of at least 1" +
                    (value > 0 ? " and at most 1e9" : ""));
}

// At least as many as count_params says, which would overflow.
double params_at_most(const ModelConfig& config) {
  const double d = static_cast<double>(config.width), layers = static_cast<double>(config.layers);
  const double attention = static_cast<double>(config.heads * config.head_size);
  const auto experts = static_cast<double>(config.experts + config.shared_experts);
  const double feed_forward = 3 * std::max(1.0, experts) * static_cast<double>(config.hidden);
  const double rows = 2 * static_cast<double>(config.vocab) + static_cast<double>(config.context);
  return d * (rows + layers * (4 * attention + feed_forward + experts + 8) + 8);
}

void validate_masked(const ModelConfig& config) {
  if (!config.masked()) {
    const bool fraction = config.mask_fraction != ModelConfig{}.mask_fraction;
    if (!config.next_sentence && !fraction) return;
    throw usage_error(std::string(fraction ? "model.mask_fraction" : "model.next_sentence") +
                      ": belongs to masked models: set model.objective = \"masked\", or leave it "
                      "out");
  }
  if (!(config.mask_fraction > 0 && config.mask_fraction < 1)) {
    throw usage_error("model.mask_fraction: " + exact_number(config.mask_fraction) +
                      " is not valid: give a fraction of the tokens, above 0 and below 1");
  }
  if (config.next_sentence && config.context < 8) {
    throw usage_error(
        "model.context: " + std::to_string(config.context) +
        " tokens are too few for two sentences between [CLS] and [SEP]: give 8 or more");
  }
  if (config.vocab > special_tokens(config)) return;
  throw usage_error(
      "model.vocab: " + std::to_string(config.vocab) + " leaves no token beside the model's own " +
      std::to_string(special_tokens(config)) + ": give the corpus' vocabulary and " + "these");
}

void validate_experts(const ModelConfig& config) {
  const auto refuse = [](const char* key, const std::string& value, const std::string& expected) {
    throw usage_error(std::string(key) + ": " + value + " is not valid: give " + expected);
  };
  if (!(config.capacity_factor >= 0)) {
    refuse("model.capacity_factor", exact_number(config.capacity_factor),
           "a factor, or 0 to drop no token");
  }
  if (!config.sparse()) return;
  if (config.experts_per_token > config.experts) {
    refuse("model.experts_per_token", std::to_string(config.experts_per_token),
           "at most model.experts = " + std::to_string(config.experts));
  }
  if (config.hidden % config.granularity != 0) {
    refuse("model.granularity", std::to_string(config.granularity),
           "a divisor of model.hidden = " + std::to_string(config.hidden));
  }
  if (config.router == Router::kTopK && config.experts_per_token == 1 && config.experts > 1) {
    refuse("model.router", "\"topk\" with one expert a token",
           "\"switch\": a weight among one is always 1, and the router would learn nothing");
  }
}

}  // namespace

void validate_sizes(const ModelConfig& config) {
  require_positive(config.vocab, "model.vocab");
  require_positive(config.context, "model.context");
  require_positive(config.layers, "model.layers");
  require_positive(config.width, "model.width");
  require_positive(config.heads, "model.heads");
  require_positive(config.head_size, "model.head_size");
  require_positive(config.hidden, "model.hidden");
  require_positive(config.experts_per_token, "model.experts_per_token");
  require_positive(config.granularity, "model.granularity");
  if (config.experts < 0 || config.experts > kLargestSize) {
    throw usage_error("model.experts: " + std::to_string(config.experts) +
                      " is not valid: give a number of experts, or 0 (dense)");
  }
  if (config.shared_experts < 0 || config.shared_experts > kLargestSize) {
    throw usage_error("model.shared_experts: " + std::to_string(config.shared_experts) +
                      " is not valid: give a number of experts, 0 or more");
  }
}

void validate(const ModelConfig& config) {
  validate_sizes(config);
  if (params_at_most(config) > kMostParams) {
    throw usage_error("model: " + shape_name(config) +
                      ": has more parameters than can be counted: give smaller sizes");
  }
  if (!(config.rotary_base > 1)) {
    throw usage_error("model.rotary_base: " + exact_number(config.rotary_base) +
                      " is not valid: give a value above 1");
  }
  if (config.mup_base < 0) {
    throw usage_error("model.mup_base: " + std::to_string(config.mup_base) +
                      " is not a width: give the width at which the rate was tuned, or 0");
  }
  if (config.positions == Positions::kRotary && config.head_size % 2 != 0) {
    throw usage_error("model.head_size: " + std::to_string(config.head_size) +
                      " is odd: rotary positions turn pairs; give an even head size or "
                      "model.positions = \"learned\"");
  }
  validate_masked(config);
  validate_experts(config);
}

std::int64_t special_tokens(const ModelConfig& config) {
  if (!config.masked()) return 0;
  return config.next_sentence ? 3 : 1;
}

std::int64_t predictions_per_window(const ModelConfig& config) {
  if (!config.masked()) return config.context;
  const std::int64_t special = config.next_sentence ? 3 : 0;  // [CLS] and two [SEP]
  const auto maskable = static_cast<double>(config.context - special);
  return std::max<std::int64_t>(1, std::llround(config.mask_fraction * maskable));
}

ParamCount count_params(const ModelConfig& config) {
  const std::int64_t attention_width = config.heads * config.head_size;
  const std::int64_t feed_forward_matrices = config.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  const std::int64_t per_norm = config.norm == Norm::kLayerNorm ? 2 : 1;
  const std::int64_t qk_gains = config.qk_norm ? 2 * config.head_size : 0;
  // One dense feed-forward, or one expert.
  const std::int64_t expert = config.layers * feed_forward_matrices * config.width *
                              (config.sparse() ? config.expert_width() : config.hidden);
  const std::int64_t experts = config.sparse() ? config.experts + config.shared_experts : 1;
  const std::int64_t learned =
      config.positions == Positions::kLearned ? config.context * config.width : 0;
  return {
      .embedding = config.vocab * config.width,
      .positions = learned + (config.next_sentence ? 4 * config.width : 0),
      .attention = config.layers * 4 * config.width * attention_width,
      .feed_forward = expert * experts,
      .norms = (2 * config.layers + 1) * config.width * per_norm + config.layers * qk_gains,
      .head = config.tied_head ? 0 : config.vocab * config.width,
      .router = config.layers * config.experts * config.width,
      .inactive = config.sparse() ? expert * (config.experts - config.experts_per_token) : 0,
  };
}

std::int64_t expert_capacity(const ModelConfig& config, std::int64_t tokens) {
  if (config.capacity_factor == 0) return 0;
  constexpr double kRounding = 1e-12;  // so that 1.1 x 1000 / 10 is 110
  const auto choices = static_cast<double>(config.experts_per_token * tokens);
  const double even = choices / static_cast<double>(config.experts);
  const double most = std::ceil(config.capacity_factor * even * (1 - kRounding));
  return most < static_cast<double>(tokens) ? static_cast<std::int64_t>(most) : tokens;
}

std::string shape_name(const ModelConfig& config) {
  std::string name = "L" + std::to_string(config.layers) + " d" + std::to_string(config.width) +
                     " h" + std::to_string(config.heads) + "x" + std::to_string(config.head_size) +
                     " f" + std::to_string(config.hidden);
  if (!config.sparse()) return name;
  name += " e" + std::to_string(config.experts) + "k" + std::to_string(config.experts_per_token);
  if (config.granularity > 1) name += "g" + std::to_string(config.granularity);
  if (config.shared_experts > 0) name += "s" + std::to_string(config.shared_experts);
  return name;
}

}  // namespace isoflop
