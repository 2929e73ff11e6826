#include "kernels/attention.h"

#include "kernels/gemm.h"
#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// Queries first .. first + count against keys 0 .. keys.
struct Tile {
  std::int64_t first, count, keys;
  float* a;  // [keys, count]
};

template <class Body>
inline void for_each_tile(const AttentionShape& shape, float* tiles, const Body& body) {
  for (std::int64_t first = 0; first < shape.tokens; first += kQueries) {
    const std::int64_t left = shape.tokens - first;
    const std::int64_t count = left < kQueries ? left : kQueries;
    const Tile tile{first, count, shape.keys > 0 ? shape.keys : first + count, tiles};
    body(tile);
    if (shape.keep_tiles) tiles += tile.keys * tile.count;
  }
}

// value where query `first_query` + lane >= key, else 0.
inline Vec causal(Vec value, std::int64_t first_query, std::int64_t key) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (first_query + lane < key) value[lane] = 0.0f;
  }
  return value;
}

// One vector of queries: scores become a, and 1 / sums is kept. Keys up to the first query are seen
// by all lanes, the next kLanes - 1 by some, the rest of the tile by none.
void causal_exponentials(const Tile& tile, std::int64_t column, float* inverse_sums) {
  const std::int64_t query = tile.first + column;
  float* a = tile.a + column;
  Vec most = load(a);
  for (std::int64_t key = 1; key <= query; ++key) most = larger(load(a + key * tile.count), most);
  for (std::int64_t key = query + 1; key < query + kLanes; ++key) {
    const Vec score = load(a + key * tile.count);
    for (int lane = 0; lane < kLanes; ++lane) {
      if (query + lane >= key && score[lane] > most[lane]) most[lane] = score[lane];
    }
  }
  Vec sum{};
  for (std::int64_t key = 0; key < query + kLanes; ++key) {
    Vec power = exponential(load(a + key * tile.count) - most);
    if (key > query) power = causal(power, query, key);
    sum += power;
    store(a + key * tile.count, power);
  }
  for (std::int64_t key = query + kLanes; key < tile.keys; ++key) {
    store(a + key * tile.count, Vec{});
  }
  store(inverse_sums + query, 1 / sum);
}

// The same for n vectors of queries that see all keys.
template <int n>
void whole_exponentials(const Tile& tile, std::int64_t column, float* inverse_sums) {
  float* a = tile.a + column;
  Vec most[n], sum[n] = {};
  for (int v = 0; v < n; ++v) most[v] = load(a + v * kLanes);
  for (std::int64_t key = 1; key < tile.keys; ++key) {
    for (int v = 0; v < n; ++v) {
      most[v] = larger(load(a + key * tile.count + v * kLanes), most[v]);
    }
  }
  for (std::int64_t key = 0; key < tile.keys; ++key) {
    for (int v = 0; v < n; ++v) {
      float* at = a + key * tile.count + v * kLanes;
      const Vec power = exponential(load(at) - most[v]);
      sum[v] += power;
      store(at, power);
    }
  }
  for (int v = 0; v < n; ++v) {
    store(inverse_sums + tile.first + column + v * kLanes, 1 / sum[v]);
  }
}

void exponentials(const AttentionShape& shape, const Tile& tile, float* inverse_sums) {
  std::int64_t column = 0;
  if (shape.keys > 0) {
    for (; column + 2 * kLanes <= tile.count; column += 2 * kLanes) {
      whole_exponentials<2>(tile, column, inverse_sums);
    }
    for (; column < tile.count; column += kLanes) {
      whole_exponentials<1>(tile, column, inverse_sums);
    }
    return;
  }
  for (; column < tile.count; column += kLanes) causal_exponentials(tile, column, inverse_sums);
}

void fill_tile(const AttentionShape& shape, const Tile& tile, const float* q, const float* k,
               float* inverse_sums) {
  gemm(tile.keys, tile.count, shape.head_size, {k, 1, shape.stride},
       {q + tile.first, shape.stride, 1}, tile.a, tile.count, false);
  exponentials(shape, tile, inverse_sums);
}

// out[f, t] = in[f, t] by[t]
void scale_columns(std::int64_t rows, std::int64_t columns, const float* in, std::int64_t in_row,
                   const float* by, float* out, std::int64_t out_row) {
  for (std::int64_t f = 0; f < rows; ++f) {
    for (std::int64_t t = 0; t < columns; t += kLanes) {
      store(out + f * out_row + t, load(in + f * in_row + t) * load(by + t));
    }
  }
}

// b = a (v . d - out . d), in place of v . d.
void weigh_differences(const Tile& tile, const float* along, float* b) {
  for (std::int64_t key = 0; key < tile.keys; ++key) {
    for (std::int64_t column = 0; column < tile.count; column += kLanes) {
      const std::int64_t at = key * tile.count + column;
      store(b + at, load(tile.a + at) * (load(b + at) - load(along + tile.first + column)));
    }
  }
}

}  // namespace

void attention_forward(const AttentionShape& shape, const float* q, const float* k, const float* v,
                       float* tiles, float* inverse_sums, float* out) {
  for_each_tile(shape, tiles, [&](const Tile& tile) {
    fill_tile(shape, tile, q, k, inverse_sums);
    float* columns = out + tile.first;
    gemm(shape.head_size, tile.count, tile.keys, {v, shape.stride, 1}, {tile.a, tile.count, 1},
         columns, shape.stride, false);
    scale_columns(shape.head_size, tile.count, columns, shape.stride, inverse_sums + tile.first,
                  columns, shape.stride);
  });
}

void attention_backward(const AttentionShape& shape, const float* q, const float* k, const float* v,
                        const float* out, float* tiles, float* inverse_sums, const float* d_out,
                        float* d_q, float* d_k, float* d_v, float* scratch) {
  const std::int64_t size = shape.head_size, tokens = shape.tokens, stride = shape.stride;
  float* b = scratch;                    // [keys, count]
  float* d = b + kQueries * tokens;      // [size, tokens]
  float* along = d + size * tokens;      // [tokens], out . d
  float* d_k_by_token = along + tokens;  // [tokens, size]
  float* d_v_by_token = d_k_by_token + size * tokens;

  scale_columns(size, tokens, d_out, stride, inverse_sums, d, tokens);
  for (std::int64_t t = 0; t < tokens; t += kLanes) {
    Vec sum{};
    for (std::int64_t f = 0; f < size; ++f) {
      sum += load(out + f * stride + t) * load(d + f * tokens + t);
    }
    store(along + t, sum);
  }
  __builtin_memset(d_k_by_token, 0, static_cast<std::size_t>(2 * size * tokens) * sizeof(float));

  for_each_tile(shape, tiles, [&](const Tile& tile) {
    const std::int64_t keys = tile.keys, count = tile.count, first = tile.first;
    if (!shape.keep_tiles) fill_tile(shape, tile, q, k, inverse_sums);
    gemm(keys, count, size, {v, 1, stride}, {d + first, tokens, 1}, b, count, false);
    weigh_differences(tile, along, b);
    gemm(size, count, keys, {k, stride, 1}, {b, count, 1}, d_q + first, stride, false);
    gemm(keys, size, count, {b, count, 1}, {q + first, 1, stride}, d_k_by_token, size, true);
    gemm(keys, size, count, {tile.a, count, 1}, {d + first, 1, tokens}, d_v_by_token, size, true);
  });
  transpose(tokens, size, d_k_by_token, size, d_k, stride);
  transpose(tokens, size, d_v_by_token, size, d_v, stride);
}

}  // namespace isoflop::ISOFLOP_ISA
