#include "kernels/gemm.h"

#include "kernels/transpose.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// A panel of B, kDepth x two vectors, takes at most half of a first-level cache of 32 KB and up.
constexpr std::int64_t kDepth = 256;
constexpr std::int64_t kPanelWidth = 2 * kLanes;
// Registers: kRows x 2 sums, 2 vectors of B and one element of A, out of 16.
constexpr int kRows = 6;

// What is left to say about a product once its columns are fixed.
struct Strip {
  std::int64_t m, k;
  MatrixView a;
  const float* b;
  std::int64_t b_row;
  float* c;
  std::int64_t c_row;
  bool accumulate;
};

// The pragmas make the compiler see single variables, not an array: sums that stay in registers.
template <class V, int vectors, int rows, bool accumulate>
inline void tile(const Strip& strip, std::int64_t i) {
  constexpr std::int64_t width = sizeof(V) / sizeof(float);
  const float* a = strip.a.data + i * strip.a.row;
  float* c = strip.c + i * strip.c_row;
  V sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      sum[r][v] = accumulate ? load<V>(c + r * strip.c_row + v * width) : V{};
    }
  }
  const float* b = strip.b;
  for (std::int64_t p = 0; p < strip.k; ++p, a += strip.a.column, b += strip.b_row) {
    V row_of_b[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) row_of_b[v] = load<V>(b + v * width);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const float element = a[r * strip.a.row];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] += element * row_of_b[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store<V>(c + r * strip.c_row + v * width, sum[r][v]);
  }
}

template <class V, int vectors, bool accumulate>
void all_rows(const Strip& strip) {
  std::int64_t i = 0;
  for (; i + kRows <= strip.m; i += kRows) tile<V, vectors, kRows, accumulate>(strip, i);
  for (; i + 4 <= strip.m; i += 4) tile<V, vectors, 4, accumulate>(strip, i);
  for (; i + 2 <= strip.m; i += 2) tile<V, vectors, 2, accumulate>(strip, i);
  for (; i < strip.m; ++i) tile<V, vectors, 1, accumulate>(strip, i);
}

template <class V, int vectors>
void all_rows(const Strip& strip) {
  if (strip.accumulate) {
    all_rows<V, vectors, true>(strip);
  } else {
    all_rows<V, vectors, false>(strip);
  }
}

// The columns of one panel, in as few vectors as they need: 2, 1, then halves.
template <int lanes>
void narrow_columns(Strip strip, std::int64_t columns) {
  if (columns >= lanes) {
    all_rows<typename VecOf<lanes>::Floats, 1>(strip);
    strip.b += lanes;
    strip.c += lanes;
    columns -= lanes;
  }
  if constexpr (lanes > 1) {
    if (columns > 0) narrow_columns<lanes / 2>(strip, columns);
  }
}

void panel_product(const Strip& strip, std::int64_t columns) {
  if (columns == kPanelWidth) {
    all_rows<Vec, 2>(strip);
  } else {
    narrow_columns<kLanes>(strip, columns);
  }
}

// panel[p, j] = B[p, j] for `columns` columns of B.
void pack(std::int64_t k, std::int64_t columns, MatrixView b, float* panel) {
  if (b.row == 1) {
    transpose(columns, k, b.data, b.column, panel, kPanelWidth);
    return;
  }
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t j = 0; j < columns; ++j) {
      panel[p * kPanelWidth + j] = b.data[p * b.row + j * b.column];
    }
  }
}

}  // namespace

void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixView a, MatrixView b, float* c,
          std::int64_t c_row, bool accumulate) {
  alignas(64) float panel[kDepth * kPanelWidth];
  for (std::int64_t p = 0; p == 0 || p < k; p += kDepth) {
    const std::int64_t depth = k - p < kDepth ? k - p : kDepth;
    for (std::int64_t j = 0; j < n; j += kPanelWidth) {
      const std::int64_t columns = n - j < kPanelWidth ? n - j : kPanelWidth;
      const float* columns_of_b = b.data + p * b.row + j * b.column;
      Strip strip{.m = m,
                  .k = depth,
                  .a = {a.data + p * a.column, a.row, a.column},
                  .b = columns_of_b,
                  .b_row = b.row,
                  .c = c + j,
                  .c_row = c_row,
                  .accumulate = accumulate || p > 0};
      if (b.column != 1) {
        pack(depth, columns, {columns_of_b, b.row, b.column}, panel);
        strip.b = panel;
        strip.b_row = kPanelWidth;
      }
      panel_product(strip, columns);
    }
  }
}

}  // namespace isoflop::ISOFLOP_ISA
