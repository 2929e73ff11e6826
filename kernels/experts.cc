#include "kernels/experts.h"

#include <cstddef>

#include "kernels/activation.h"
#include "kernels/linear.h"

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

// Places in [chunks][d, stride] and [chunks][k, stride].
struct Choice {
  std::int64_t token, choice;
};

// body(expert, choice): the first choices of all tokens, then the second ones, ...
template <class Body>
inline void for_each_choice(const ExpertsShape& shape, const ExpertsState& state,
                            const Body& body) {
  const std::int64_t stride = shape.tokens.stride;
  for (std::int64_t j = 0; j < shape.per_token; ++j) {
    for_each_token(shape.tokens, [&](std::int64_t chunk, std::int64_t column) {
      const Choice choice{chunk * shape.width * stride + column,
                          (chunk * shape.per_token + j) * stride + column};
      body(state.routers.chosen[choice.choice], choice);
    });
  }
}

// Columns of one expert that go through it together.
struct Block {
  std::int64_t expert;
  std::int64_t first;           // of all packed columns
  std::int64_t count, columns;  // real ones, and with empty ones to a multiple of 16
  std::int64_t stride;
};

// The packed column of the i-th choice that falls on an expert whose first one is `first`.
std::int64_t packed_column(const ExpertsShape& shape, std::int64_t first, std::int64_t i) {
  const std::int64_t block = i / shape.block_columns;
  return first + block * block_stride(shape.block_columns) + (i - block * shape.block_columns);
}

// Where the next expert's columns begin.
std::int64_t columns_behind(const ExpertsShape& shape, std::int64_t first, std::int64_t count) {
  const std::int64_t whole = count / shape.block_columns * shape.block_columns;
  const std::int64_t last = packed_column(shape, first, whole);
  return whole < count ? last + block_stride(count - whole) : last;
}

// In the order of experts; body(block).
template <class Body>
inline void for_each_block(const ExpertsShape& shape, const ExpertsState& state, const Body& body) {
  for (std::int64_t expert = 0; expert < shape.experts; ++expert) {
    for (std::int64_t done = 0; done < state.taken[expert]; done += shape.block_columns) {
      const std::int64_t left = state.taken[expert] - done;
      const std::int64_t count = left < shape.block_columns ? left : shape.block_columns;
      const Block block{expert, packed_column(shape, state.first[expert], done), count,
                        (count + 15) / 16 * 16, block_stride(count)};
      body(block);
    }
  }
}

std::int64_t inner_rows(const ExpertsShape& shape) { return (shape.gated ? 2 : 1) * shape.hidden; }

// What belongs to one block.
struct BlockParts {
  LinearShape in, out;
  RowsShape active_rows;
  const std::int64_t *from, *choice;
  float *packed, *slope, *active;
};

BlockParts parts_of(const ExpertsShape& shape, const ExpertsState& state, const Block& block) {
  const std::int64_t inner = inner_rows(shape);
  return {.in = {inner, shape.width, block.columns, block.stride},
          .out = {shape.width, shape.hidden, block.columns, block.stride},
          .active_rows = {shape.hidden, block.columns, block.stride},
          .from = state.from + block.first,
          .choice = state.choice + block.first,
          .packed = state.in + shape.width * block.first,
          .slope = state.slope + inner * block.first,
          .active = state.active + shape.hidden * block.first};
}

// packed[row, p] = source[row, from[p]], 0 in empty columns.
void gather(std::int64_t rows, const Block& block, const std::int64_t* from, const float* source,
            std::int64_t source_stride, float* packed) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* here = source + row * source_stride;
    float* there = packed + row * block.stride;
    for (std::int64_t p = 0; p < block.count; ++p) there[p] = here[from[p]];
    for (std::int64_t p = block.count; p < block.columns; ++p) there[p] = 0.0f;
  }
}

// target[row, from[p]] += factors[p] packed[row, p], or without factors.
void scatter(std::int64_t rows, const Block& block, const std::int64_t* from, const float* packed,
             const float* factors, float* target, std::int64_t target_stride) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* here = packed + row * block.stride;
    float* there = target + row * target_stride;
    if (factors == nullptr) {
      for (std::int64_t p = 0; p < block.count; ++p) there[from[p]] += here[p];
    } else {
      for (std::int64_t p = 0; p < block.count; ++p) there[from[p]] += factors[p] * here[p];
    }
  }
}

void clear(std::int64_t count, float* values) {
  __builtin_memset(values, 0, static_cast<std::size_t>(count) * sizeof(float));
}

// values[row, p] *= factors[p]
void scale_packed(std::int64_t rows, const Block& block, const float* factors, float* values) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t p = 0; p < block.columns; p += kLanes) {
      float* at = values + row * block.stride + p;
      store(at, load(at) * load(factors + p));
    }
  }
}

// sums[p] = sum over rows of a b
void sum_products(const RowsShape& rows, const float* a, const float* b, float* sums) {
  for (std::int64_t p = 0; p < rows.columns; p += kLanes) {
    Vec sum{};
    for (std::int64_t row = 0; row < rows.rows; ++row) {
      sum += load(a + row * rows.stride + p) * load(b + row * rows.stride + p);
    }
    store(sums + p, sum);
  }
}

void activate(const ExpertsShape& shape, const BlockParts& parts) {
  if (shape.gated) {
    swiglu(parts.active_rows, parts.slope, parts.slope + shape.hidden * parts.active_rows.stride,
           parts.active);
  } else {
    gelu(parts.active_rows, parts.slope, parts.active);
  }
}

// From the gradient of the output, gathered in scratch.narrow, to that of the gathered input, in
// its place, and to those of the weights and gates.
void block_gradients(const ExpertsShape& shape, const Block& block, const BlockParts& parts,
                     const ExpertsTensors<const float>& weights, const ExpertsState& state,
                     const ExpertsScratch& scratch, const ExpertsTensors<float>& d_weights,
                     float* d_gates) {
  const std::int64_t of_in = block.expert * inner_rows(shape) * shape.width;
  const std::int64_t of_out = block.expert * shape.hidden * shape.width;
  float *d_out = scratch.narrow, *d_inner = scratch.wide, *row = scratch.row;
  linear_d_input(parts.out, weights.out + of_out, d_out, d_inner);
  sum_products(parts.active_rows, parts.active, d_inner, row);
  for (std::int64_t p = 0; p < block.count; ++p) d_gates[parts.choice[p]] = row[p];
  gather(1, block, parts.choice, state.routers.gates, 0, row);
  scale_packed(shape.width, block, row, d_out);
  scale_packed(shape.hidden, block, row, d_inner);
  // Empty columns hold nothing: the sums over tokens end before them.
  LinearShape of_weights = parts.out;
  of_weights.columns = block.count;
  linear_d_weight(of_weights, parts.active, d_out, d_weights.out + of_out);
  if (shape.gated) {
    const std::int64_t half = shape.hidden * block.stride;
    multiply(parts.active_rows, d_inner, parts.slope + half, d_inner + half);
  }
  multiply(parts.active_rows, d_inner, parts.slope, d_inner);
  of_weights = parts.in;
  of_weights.columns = block.count;
  linear_d_weight(of_weights, parts.packed, d_inner, d_weights.in + of_in);
  linear_d_input(parts.in, weights.in + of_in, d_inner, scratch.narrow);
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

void experts_forward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                     const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                     float* x) {
  const std::int64_t stride = shape.tokens.stride;
  for_each_block(shape, state, [&](const Block& block) {
    const BlockParts parts = parts_of(shape, state, block);
    gather(shape.width, block, parts.from, in, stride, parts.packed);
    linear(parts.in, weights.in + block.expert * inner_rows(shape) * shape.width, parts.packed,
           parts.slope);
    activate(shape, parts);
    linear(parts.out, weights.out + block.expert * shape.hidden * shape.width, parts.active,
           scratch.narrow);
    gather(1, block, parts.choice, state.routers.gates, 0, scratch.row);
    scatter(shape.width, block, parts.from, scratch.narrow, scratch.row, x, stride);
  });
}

void experts_backward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                      const ExpertsState& state, const ExpertsScratch& scratch, const float* d_x,
                      const ExpertsTensors<float>& d_weights, float* d_in, float* d_gates) {
  const std::int64_t stride = shape.tokens.stride;
  const std::int64_t floats = chunk_count(shape.tokens) * stride;
  clear(floats * shape.width, d_in);
  clear(floats * shape.per_token, d_gates);
  for_each_block(shape, state, [&](const Block& block) {
    const BlockParts parts = parts_of(shape, state, block);
    gather(shape.width, block, parts.from, d_x, stride, scratch.narrow);
    block_gradients(shape, block, parts, weights, state, scratch, d_weights, d_gates);
    scatter(shape.width, block, parts.from, scratch.narrow, nullptr, d_in, stride);
  });
}

}  // namespace isoflop::ISOFLOP_ISA
