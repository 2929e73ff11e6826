// What the tests of kernels share: random numbers, and gradients of slow functions in double.
#ifndef ISOFLOP_TESTS_KERNELS_ORACLE_H_
#define ISOFLOP_TESTS_KERNELS_ORACLE_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace isoflop {

inline std::vector<float> random_floats(std::int64_t count, unsigned seed, double spread = 1.0) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, spread);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(normal(random));
  return values;
}

inline std::vector<double> in_double(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// Feature-major [rows, columns] with rows `stride` apart, seen as x(row, column).
template <class Values>
struct Rows {
  Values* values;
  std::int64_t stride;
  auto& operator()(std::int64_t row, std::int64_t column) const {
    return (*values)[static_cast<size_t>(row * stride + column)];
  }
};

// d f / d x by central differences in double: truncation h^2 ~ 1e-8, rounding 1e-16 / h ~ 1e-12.
inline std::vector<double> numeric_gradient(
    const std::function<double(const std::vector<double>&)>& f, std::vector<double> x) {
  constexpr double kStep = 1e-4;
  std::vector<double> gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double middle = x[i];
    x[i] = middle + kStep;
    const double up = f(x);
    x[i] = middle - kStep;
    const double down = f(x);
    x[i] = middle;
    gradient[i] = (up - down) / (2 * kStep);
  }
  return gradient;
}

// Single precision rounds to 6e-8; a kernel sums tens of terms of about this size.
inline void expect_close(const std::vector<float>& found, const std::vector<double>& expected,
                         double tolerance = 1e-5) {
  ASSERT_EQ(found.size(), expected.size());
  double largest = 1e-3;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance * largest) << i;
  }
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_KERNELS_ORACLE_H_
