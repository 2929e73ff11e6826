#include "kernels/experts.h"

#include <cstddef>

#include "kernels/activation.h"
#include "kernels/linear.h"
#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// Columns of one expert that go through it together.
struct Block {
  std::int64_t expert;
  std::int64_t first;           // of all packed columns
  std::int64_t count, columns;  // real ones, and with empty ones to a multiple of 16
  std::int64_t stride;
};

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
  float *slope, *active;
};

BlockParts parts_of(const ExpertsShape& shape, const ExpertsState& state, const Block& block) {
  const std::int64_t inner = inner_rows(shape);
  return {.in = {inner, shape.width, block.columns, block.stride},
          .out = {shape.width, shape.hidden, block.columns, block.stride},
          .active_rows = {shape.hidden, block.columns, block.stride},
          .from = state.from + block.first,
          .choice = state.choice + block.first,
          .slope = state.slope + inner * block.first,
          .active = state.active + shape.hidden * block.first};
}

// Where a packed column's token is; `none` for an empty column.
template <class Float>
inline Float* token_row(const Block& block, const std::int64_t* from, std::int64_t p, Float* rows,
                        std::int64_t width, Float* none) {
  return p < block.count ? rows + from[p] * width : none;
}

// packed[f, p] = rows[from[p], f], 0 in empty columns. `none`: a row of zeros.
void gather(std::int64_t width, const Block& block, const std::int64_t* from, const float* rows,
            const float* none, float* packed) {
  const std::int64_t whole = width - width % 4;
  for (std::int64_t p = 0; p < block.columns; p += 4) {
    const float* token[4];
    for (int i = 0; i < 4; ++i) token[i] = token_row(block, from, p + i, rows, width, none);
    for (std::int64_t f = 0; f < whole; f += 4) {
      Quad quads[4];
      for (int i = 0; i < 4; ++i) quads[i] = load<Quad>(token[i] + f);
      transpose_quads(quads);
      for (int i = 0; i < 4; ++i) store<Quad>(packed + (f + i) * block.stride + p, quads[i]);
    }
    for (std::int64_t f = whole; f < width; ++f) {
      for (int i = 0; i < 4; ++i) packed[f * block.stride + p + i] = token[i][f];
    }
  }
}

// rows[from[p], f] += factors[p] packed[f, p]. `none`: a row that takes what is in empty columns.
void scatter(std::int64_t width, const Block& block, const std::int64_t* from, const float* packed,
             const float* factors, float* rows, float* none) {
  const std::int64_t whole = width - width % 4;
  for (std::int64_t p = 0; p < block.columns; p += 4) {
    float* token[4];
    for (int i = 0; i < 4; ++i) token[i] = token_row(block, from, p + i, rows, width, none);
    for (std::int64_t f = 0; f < whole; f += 4) {
      Quad quads[4];
      for (int i = 0; i < 4; ++i) quads[i] = load<Quad>(packed + (f + i) * block.stride + p);
      transpose_quads(quads);
      for (int i = 0; i < 4; ++i) {
        store<Quad>(token[i] + f, load<Quad>(token[i] + f) + quads[i] * factors[p + i]);
      }
    }
    for (std::int64_t f = whole; f < width; ++f) {
      for (int i = 0; i < 4; ++i) token[i][f] += factors[p + i] * packed[f * block.stride + p + i];
    }
  }
}

// The gates of a block's columns, 0 for empty ones.
void gather_gates(const Block& block, const std::int64_t* choice, const float* gates, float* row) {
  for (std::int64_t p = 0; p < block.count; ++p) row[p] = gates[choice[p]];
  for (std::int64_t p = block.count; p < block.columns; ++p) row[p] = 0.0f;
}

// Between [chunks][d, stride] and a row for each token.
void to_rows(const ExpertsShape& shape, const float* columns, float* rows) {
  const TokenChunks& tokens = shape.tokens;
  for (std::int64_t chunk = 0; chunk < chunk_count(tokens); ++chunk) {
    transpose(shape.width, chunk_grid(tokens, chunk).windows * tokens.padded,
              columns + chunk * shape.width * tokens.stride, tokens.stride,
              rows + chunk * tokens.per_chunk * tokens.padded * shape.width, shape.width);
  }
}

void from_rows(const ExpertsShape& shape, const float* rows, float* columns) {
  const TokenChunks& tokens = shape.tokens;
  for (std::int64_t chunk = 0; chunk < chunk_count(tokens); ++chunk) {
    transpose(chunk_grid(tokens, chunk).windows * tokens.padded, shape.width,
              rows + chunk * tokens.per_chunk * tokens.padded * shape.width, shape.width,
              columns + chunk * shape.width * tokens.stride, tokens.stride);
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

// d_W_in += d_inner in^T, with the block's tokens in rows as the product wants them.
void in_weight_gradient(const ExpertsShape& shape, const Block& block, const BlockParts& parts,
                        const ExpertsScratch& scratch, const float* d_inner, float* d_weight) {
  const std::int64_t width = shape.width;
  for (std::int64_t p = 0; p < block.count; ++p) {
    __builtin_memcpy(scratch.rows + p * width, scratch.in_rows + parts.from[p] * width,
                     static_cast<std::size_t>(width) * sizeof(float));
  }
  gemm(parts.in.out, width, block.count, {d_inner, block.stride, 1}, {scratch.rows, width, 1},
       d_weight, width, true);
}

// From the gradient of the output, gathered in scratch.narrow, to that of the gathered input, in
// its place, and to those of the weights and gates. Sums over tokens end before the empty columns.
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
  gather_gates(block, parts.choice, state.routers.gates, row);
  scale_packed(shape.width, block, row, d_out);
  scale_packed(shape.hidden, block, row, d_inner);
  LinearShape out = parts.out;
  out.columns = block.count;
  linear_d_weight(out, parts.active, d_out, d_weights.out + of_out);
  if (shape.gated) {
    const std::int64_t half = shape.hidden * block.stride;
    multiply(parts.active_rows, d_inner, parts.slope + half, d_inner + half);
  }
  multiply(parts.active_rows, d_inner, parts.slope, d_inner);
  in_weight_gradient(shape, block, parts, scratch, d_inner, d_weights.in + of_in);
  linear_d_input(parts.in, weights.in + of_in, d_inner, scratch.narrow);
}

// The last row of each, which stands for no token.
float* no_token(const ExpertsShape& shape, float* rows) {
  return rows + (token_rows(shape.tokens) - 1) * shape.width;
}

}  // namespace

void experts_forward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                     const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                     float* x) {
  to_rows(shape, in, scratch.in_rows);
  to_rows(shape, x, scratch.x_rows);
  clear(shape.width, no_token(shape, scratch.in_rows));
  for_each_block(shape, state, [&](const Block& block) {
    const BlockParts parts = parts_of(shape, state, block);
    gather(shape.width, block, parts.from, scratch.in_rows, no_token(shape, scratch.in_rows),
           scratch.narrow);
    linear(parts.in, weights.in + block.expert * inner_rows(shape) * shape.width, scratch.narrow,
           parts.slope);
    activate(shape, parts);
    linear(parts.out, weights.out + block.expert * shape.hidden * shape.width, parts.active,
           scratch.narrow);
    gather_gates(block, parts.choice, state.routers.gates, scratch.row);
    scatter(shape.width, block, parts.from, scratch.narrow, scratch.row, scratch.x_rows,
            no_token(shape, scratch.x_rows));
  });
  from_rows(shape, scratch.x_rows, x);
}

void experts_backward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                      const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                      const float* d_x, const ExpertsTensors<float>& d_weights, float* d_in,
                      float* d_gates) {
  to_rows(shape, in, scratch.in_rows);
  to_rows(shape, d_x, scratch.x_rows);
  clear(shape.width, no_token(shape, scratch.x_rows));
  clear(token_rows(shape.tokens) * shape.width, scratch.d_in_rows);
  clear(chunk_count(shape.tokens) * shape.tokens.stride * shape.per_token, d_gates);
  for_each_block(shape, state, [&](const Block& block) {
    const BlockParts parts = parts_of(shape, state, block);
    gather(shape.width, block, parts.from, scratch.x_rows, no_token(shape, scratch.x_rows),
           scratch.narrow);
    block_gradients(shape, block, parts, weights, state, scratch, d_weights, d_gates);
    for (std::int64_t p = 0; p < block.columns; ++p) scratch.row[p] = 1.0f;
    scatter(shape.width, block, parts.from, scratch.narrow, scratch.row, scratch.d_in_rows,
            no_token(shape, scratch.d_in_rows));
  });
  from_rows(shape, scratch.d_in_rows, d_in);
}

}  // namespace isoflop::ISOFLOP_ISA
