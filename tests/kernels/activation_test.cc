#include "kernels/activation.h"

#include <limits>

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

double gelu_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

double silu_of(double x) { return x / (1 + std::exp(-x)); }

double slope_of(double (*f)(double), double x) { return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5; }

// From -12 to 12, where both functions are anything but constant; 3 rows, 32 columns of 40.
const RowsShape kShape{3, 32, 40};

std::vector<float> ladder() {
  std::vector<float> values(3 * 40);
  for (size_t i = 0; i < values.size(); ++i) values[i] = -12.0f + 0.2f * static_cast<float>(i);
  return values;
}

template <class Check>
void for_each_element(const Check& check) {
  for (std::int64_t row = 0; row < kShape.rows; ++row) {
    for (std::int64_t t = 0; t < kShape.columns; ++t) {
      check(static_cast<size_t>(row * kShape.stride + t));
    }
  }
}

// The exponential is good to 2e-7, differences in double to 1e-10.
constexpr double kTolerance = 2e-6;

TEST(Activation, GeluAndItsSlope) {
  for (const Kernels& kernels : usable_kernels()) {
    const auto x = ladder();
    std::vector<float> slope(x), out(x.size());
    kernels.gelu(kShape, slope.data(), out.data());
    for_each_element([&](size_t i) {
      EXPECT_NEAR(out[i], gelu_of(x[i]), kTolerance * (1 + std::abs(x[i]))) << x[i];
      EXPECT_NEAR(slope[i], slope_of(gelu_of, x[i]), kTolerance * 2) << x[i];
    });
  }
}

TEST(Activation, SwigluAndItsSlopes) {
  for (const Kernels& kernels : usable_kernels()) {
    const auto gate = ladder(), up = random_floats(3 * 40, 1);
    std::vector<float> gate_slope(gate), up_slope(up), out(gate.size());
    kernels.swiglu(kShape, gate_slope.data(), up_slope.data(), out.data());
    for_each_element([&](size_t i) {
      EXPECT_NEAR(out[i], silu_of(gate[i]) * up[i], kTolerance * 20) << gate[i];
      EXPECT_NEAR(gate_slope[i], slope_of(silu_of, gate[i]) * up[i], kTolerance * 4) << gate[i];
      EXPECT_NEAR(up_slope[i], silu_of(gate[i]), kTolerance * (1 + std::abs(gate[i]))) << gate[i];
    });
  }
}

// s(x) = silu(x) / x shows the exponential's relative error over its whole range.
TEST(Activation, TheExponentialIsGoodToTwoUnitsInTheLastPlaces) {
  for (const Kernels& kernels : usable_kernels()) {
    std::vector<float> gate(32), up(32, 1.0f), out(32);
    for (double from = -85; from < 0; from += 0.37) {
      for (size_t i = 0; i < 32; ++i)
        gate[i] = static_cast<float>(from + 0.011 * static_cast<double>(i));
      const auto x = gate;
      up.assign(32, 1.0f);
      kernels.swiglu({1, 32, 32}, gate.data(), up.data(), out.data());
      for (size_t i = 0; i < 32; ++i) {
        EXPECT_NEAR(out[i] / silu_of(x[i]), 1.0, 4e-7) << x[i];  // and three more roundings
      }
    }
  }
}

TEST(Activation, FarOutIsALineAndNotANumberStaysOne) {
  for (const Kernels& kernels : usable_kernels()) {
    std::vector<float> x(16, 0.0f), out(16);
    x[0] = 1e18f;
    x[1] = -1e18f;
    x[2] = std::numeric_limits<float>::quiet_NaN();
    x[3] = 100;
    kernels.gelu({1, 16, 16}, x.data(), out.data());
    EXPECT_EQ(out[0], 1e18f);
    EXPECT_NEAR(out[1], 0.0, 1e-19);
    EXPECT_TRUE(std::isnan(out[2]));
    EXPECT_TRUE(std::isnan(x[2]));
    EXPECT_EQ(out[3], 100.0f);
    EXPECT_EQ(x[3], 1.0f);
  }
}

TEST(Activation, MultipliesElementByElement) {
  for (const Kernels& kernels : usable_kernels()) {
    const auto a = random_floats(120, 1), b = random_floats(120, 2);
    std::vector<float> out(a);
    kernels.multiply(kShape, out.data(), b.data(), out.data());
    for_each_element([&](size_t i) { EXPECT_EQ(out[i], a[i] * b[i]); });
  }
}

}  // namespace
}  // namespace isoflop
