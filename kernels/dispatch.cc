#include "kernels/dispatch.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// body(chunk, column) for every real token in order.
template <class Body>
inline void for_each_token(const TokenChunks& tokens, const Body& body) {
  for (std::int64_t window = 0; window < tokens.windows; ++window) {
    const std::int64_t first = window % tokens.per_chunk * tokens.padded;
    for (std::int64_t t = 0; t < tokens.context; ++t) body(window / tokens.per_chunk, first + t);
  }
}

std::int64_t token_count(const ExpertsShape& shape) {
  return shape.tokens.windows * shape.tokens.context;
}

// The token's row, and the place in [chunks][k, stride].
struct Choice {
  std::int64_t token, choice;
};

// body(expert, choice): the first choices of all tokens, then the second ones, ...
template <class Body>
inline void for_each_choice(const ExpertsShape& shape, const ExpertsState& state,
                            const Body& body) {
  const std::int64_t rows = shape.tokens.per_chunk * shape.tokens.padded;
  for (std::int64_t j = 0; j < shape.per_token; ++j) {
    for_each_token(shape.tokens, [&](std::int64_t chunk, std::int64_t column) {
      const Choice choice{chunk * rows + column,
                          (chunk * shape.per_token + j) * shape.tokens.stride + column};
      body(state.routers.chosen[choice.choice], choice);
    });
  }
}

// Where the next expert's columns begin.
std::int64_t columns_behind(const ExpertsShape& shape, std::int64_t first, std::int64_t count) {
  const std::int64_t whole = count / shape.block_columns * shape.block_columns;
  const std::int64_t last = packed_column(shape, first, whole);
  return whole < count ? last + block_stride(count - whole) : last;
}

}  // namespace

RouterState router_of(const ExpertsShape& shape, const ExpertsState& state, std::int64_t chunk) {
  const std::int64_t before = chunk * shape.tokens.stride;
  return {.probabilities = state.routers.probabilities + before * shape.experts,
          .log_sums = state.routers.log_sums + before,
          .entropies = state.routers.entropies + before,
          .gates = state.routers.gates + before * shape.per_token,
          .chosen = state.routers.chosen + before * shape.per_token};
}

void dispatch(const ExpertsShape& shape, const ExpertsState& state) {
  for (std::int64_t e = 0; e < shape.experts; ++e) state.loads[e] = 0;
  for_each_choice(shape, state, [&](std::int64_t expert, const Choice&) { ++state.loads[expert]; });
  std::int64_t first = 0;
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    const bool full = shape.capacity > 0 && state.loads[e] > shape.capacity;
    state.taken[e] = full ? shape.capacity : state.loads[e];
    state.first[e] = first;
    state.next[e] = 0;
    first = columns_behind(shape, first, state.taken[e]);
  }
  for_each_choice(shape, state, [&](std::int64_t expert, const Choice& choice) {
    const std::int64_t i = state.next[expert]++;
    if (i >= state.taken[expert]) return;
    const std::int64_t at = packed_column(shape, state.first[expert], i);
    state.from[at] = choice.token;
    state.choice[at] = choice.choice;
  });
}

RouterStats router_stats(const ExpertsShape& shape, const ExpertsState& state) {
  const auto tokens = static_cast<double>(token_count(shape));
  const double choices = tokens * static_cast<double>(shape.per_token);
  const auto experts = static_cast<double>(shape.experts);
  RouterStats stats;
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    const double share = static_cast<double>(state.loads[e]) / choices;
    if (share * experts > stats.largest_load) stats.largest_load = share * experts;
    if (state.loads[e] == 0) stats.unused += 1 / experts;
    stats.dropped += static_cast<double>(state.loads[e] - state.taken[e]) / choices;
    double probability = 0;
    for_each_token(shape.tokens, [&](std::int64_t chunk, std::int64_t column) {
      const RouterState router = router_of(shape, state, chunk);
      probability += router.probabilities[e * shape.tokens.stride + column];
    });
    stats.balance += experts * share * probability / tokens;
  }
  for_each_token(shape.tokens, [&](std::int64_t chunk, std::int64_t column) {
    const RouterState router = router_of(shape, state, chunk);
    const double log_sum = router.log_sums[column];
    stats.entropy += router.entropies[column] / tokens;
    stats.z += log_sum * log_sum / tokens;
  });
  return stats;
}

void balance_gradient(const ExpertsShape& shape, const ExpertsState& state, float weight,
                      float* d_shares) {
  const auto tokens = static_cast<float>(token_count(shape));
  const float even = static_cast<float>(shape.experts) / static_cast<float>(shape.per_token);
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    const float share = static_cast<float>(state.loads[e]) / tokens;
    d_shares[e] = weight * even * share / tokens;
  }
}

}  // namespace isoflop::ISOFLOP_ISA
