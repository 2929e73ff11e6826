#include "kernels/gemm.h"

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

struct Product {
  std::int64_t m, n, k;
  bool a_transposed, b_transposed, accumulate;
};

std::vector<Product> products() {
  std::vector<Product> all;
  for (const std::int64_t m : {1, 2, 3, 7, 8, 13, 40}) {
    for (const std::int64_t n : {1, 3, 8, 10, 15, 16, 31, 32, 47, 69}) {
      const std::int64_t k = (m * 7 + n * 3) % 30 + 1;
      all.push_back({m, n, k, m % 2 == 0, n % 2 == 0, (m + n) % 3 == 0});
      all.push_back({m, n, k, m % 2 == 1, n % 2 == 1, (m + n) % 3 == 1});
    }
  }
  for (const std::int64_t k : {255, 256, 257, 600}) {  // more than one panel deep
    for (const bool transposed : {false, true})
      all.push_back({9, 37, k, transposed, transposed, transposed});
  }
  return all;
}

// C and what lies between its rows.
std::vector<float> by_kernel(const Kernels& kernels, const Product& p, const std::vector<float>& a,
                             const std::vector<float>& b, std::vector<float> c) {
  const MatrixView view_a{a.data(), p.a_transposed ? 1 : p.k, p.a_transposed ? p.m : 1};
  const MatrixView view_b{b.data(), p.b_transposed ? 1 : p.n, p.b_transposed ? p.k : 1};
  kernels.gemm(p.m, p.n, p.k, view_a, view_b, c.data(), p.n + 3, p.accumulate);
  return c;
}

std::vector<double> by_definition(const Product& p, const std::vector<float>& a,
                                  const std::vector<float>& b, const std::vector<float>& c) {
  std::vector<double> result = in_double(c);
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      double& sum = result[static_cast<size_t>(i * (p.n + 3) + j)];
      if (!p.accumulate) sum = 0;
      for (std::int64_t q = 0; q < p.k; ++q) {
        sum += static_cast<double>(
                   a[static_cast<size_t>(p.a_transposed ? q * p.m + i : i * p.k + q)]) *
               b[static_cast<size_t>(p.b_transposed ? j * p.k + q : q * p.n + j)];
      }
    }
  }
  return result;
}

TEST(Gemm, IsTheProductForAnySizeAndStride) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const Product& p : products()) {
      SCOPED_TRACE(testing::Message() << kernels.name << " " << p.m << "x" << p.n << "x" << p.k
                                      << " " << p.a_transposed << p.b_transposed << p.accumulate);
      const auto a = random_floats(p.m * p.k, 1), b = random_floats(p.k * p.n, 2);
      const auto c = random_floats(p.m * (p.n + 3), 3);
      expect_close(by_kernel(kernels, p, a, b, c), by_definition(p, a, b, c));
    }
  }
}

TEST(Gemm, ARowDoesNotDependOnTheRowsBesideIt) {
  for (const Kernels& kernels : usable_kernels()) {
    const Product all{21, 37, 50, false, false, false};
    const auto a = random_floats(all.m * all.k, 1), b = random_floats(all.k * all.n, 2);
    const std::vector<float> empty(static_cast<size_t>(all.m * (all.n + 3)));
    const auto together = by_kernel(kernels, all, a, b, empty);
    for (std::int64_t row = 0; row < all.m; ++row) {
      const Product one{1, all.n, all.k, false, false, false};
      const std::vector<float> a_row(a.begin() + row * all.k, a.begin() + (row + 1) * all.k);
      const auto alone =
          by_kernel(kernels, one, a_row, b, std::vector<float>(static_cast<size_t>(all.n + 3)));
      for (std::int64_t j = 0; j < all.n; ++j) {
        EXPECT_EQ(alone[static_cast<size_t>(j)],
                  together[static_cast<size_t>(row * (all.n + 3) + j)]);
      }
    }
  }
}

TEST(Transpose, SwapsRowsAndColumnsOfAnySize) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t rows : {1, 3, 4, 6, 16, 17}) {
      for (const std::int64_t columns : {1, 2, 4, 7, 32}) {
        const auto source = random_floats(rows * (columns + 1), 1);
        std::vector<float> target(static_cast<size_t>(columns * (rows + 2)), -1.0f);
        kernels.transpose(rows, columns, source.data(), columns + 1, target.data(), rows + 2);
        for (std::int64_t c = 0; c < columns; ++c) {
          for (std::int64_t r = 0; r < rows + 2; ++r) {
            const float expected =
                r < rows ? source[static_cast<size_t>(r * (columns + 1) + c)] : -1.0f;
            ASSERT_EQ(target[static_cast<size_t>(c * (rows + 2) + r)], expected);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace isoflop
