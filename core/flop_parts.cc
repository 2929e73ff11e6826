#include "core/flop_parts.h"

namespace isoflop {

std::vector<FlopPart> flop_parts(const ModelConfig& config) {
  const ParamCount count = count_params(config);
  // Forward 2, backward twice that.
  const auto of_matrix = [](std::int64_t params) { return 6.0 * static_cast<double>(params); };
  const auto scores =
      12.0 * static_cast<double>(config.layers * config.context * config.heads * config.head_size);
  const double head = of_matrix(config.vocab * config.width) *
                      static_cast<double>(predictions_per_window(config)) /
                      static_cast<double>(config.context);
  return {{"embedding", count.embedding, 0},
          {"positions", count.positions, 0},
          {"attention", count.attention, of_matrix(count.attention)},
          {"attention scores", 0, scores},
          {"feed-forward", count.feed_forward, of_matrix(count.feed_forward - count.inactive)},
          {"router", count.router, of_matrix(count.router)},
          {"norms", count.norms, 0},
          {"head", count.head, head}};
}

}  // namespace isoflop
