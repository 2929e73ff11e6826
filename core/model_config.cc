#include "core/model_config.h"

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

void require_positive(std::int64_t value, const char* key) {
  if (value > 0) return;
  throw usage_error(std::string(key) + ": " + std::to_string(value) +
                    " is not a size: give a whole number of at least 1");
}

}  // namespace

void validate(const ModelConfig& config) {
  require_positive(config.vocab, "model.vocab");
  require_positive(config.context, "model.context");
  require_positive(config.layers, "model.layers");
  require_positive(config.width, "model.width");
  require_positive(config.heads, "model.heads");
  require_positive(config.head_size, "model.head_size");
  require_positive(config.hidden, "model.hidden");
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
}

ParamCount count_params(const ModelConfig& config) {
  const std::int64_t attention_width = config.heads * config.head_size;
  const std::int64_t feed_forward_matrices = config.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  const std::int64_t per_norm = config.norm == Norm::kLayerNorm ? 2 : 1;
  const std::int64_t qk_gains = config.qk_norm ? 2 * config.head_size : 0;
  return {
      .embedding = config.vocab * config.width,
      .positions = config.positions == Positions::kLearned ? config.context * config.width : 0,
      .attention = config.layers * 4 * config.width * attention_width,
      .feed_forward = config.layers * feed_forward_matrices * config.width * config.hidden,
      .norms = (2 * config.layers + 1) * config.width * per_norm + config.layers * qk_gains,
      .head = config.tied_head ? 0 : config.vocab * config.width,
  };
}

std::string shape_name(const ModelConfig& config) {
  return "L" + std::to_string(config.layers) + " d" + std::to_string(config.width) + " h" +
         std::to_string(config.heads) + "x" + std::to_string(config.head_size) + " f" +
         std::to_string(config.hidden);
}

}  // namespace isoflop
