#include "kernels/norm.h"

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

constexpr std::int64_t kColumns = 80, kStride = 83;

// sum over all outputs of weight x output, by the formula; x, then gain, then bias in one vector.
double weighted_output(const NormShape& shape, const std::vector<double>& inputs,
                       const std::vector<float>& weight) {
  const double* gain = inputs.data() + shape.features * shape.stride;
  const double* bias = gain + shape.features;
  const Rows<const std::vector<double>> x{&inputs, shape.stride};
  double sum = 0;
  for (std::int64_t t = 0; t < shape.columns; ++t) {
    double centre = 0, square = 0;
    const auto d = static_cast<double>(shape.features);
    for (std::int64_t f = 0; f < shape.features; ++f) centre += shape.centred ? x(f, t) / d : 0.0;
    for (std::int64_t f = 0; f < shape.features; ++f) square += std::pow(x(f, t) - centre, 2) / d;
    const double inverse = 1 / std::sqrt(square + shape.epsilon);
    for (std::int64_t f = 0; f < shape.features; ++f) {
      const double out = (x(f, t) - centre) * inverse * gain[f] + (shape.centred ? bias[f] : 0.0);
      sum += out * weight[static_cast<size_t>(f * shape.stride + t)];
    }
  }
  return sum;
}

void check_norm(const Kernels& kernels, const NormShape& shape) {
  const std::int64_t size = shape.features * shape.stride;
  const auto x = random_floats(size, 1), weight = random_floats(size, 2);
  const auto gain = random_floats(shape.features, 3), bias = random_floats(shape.features, 4);
  std::vector<double> inputs = in_double(x);
  inputs.insert(inputs.end(), gain.begin(), gain.end());
  inputs.insert(inputs.end(), bias.begin(), bias.end());

  std::vector<float> unit(x), inverse(static_cast<size_t>(shape.stride)), out(x.size());
  kernels.norm_forward(shape, unit.data(), gain.data(), shape.centred ? bias.data() : nullptr,
                       unit.data(), inverse.data(), out.data());
  double sum = 0;
  for (std::int64_t f = 0; f < shape.features; ++f) {
    for (std::int64_t t = 0; t < shape.columns; ++t) {
      const auto at = static_cast<size_t>(f * shape.stride + t);
      sum += static_cast<double>(out[at]) * weight[at];
    }
  }
  const auto loss = [&](const std::vector<double>& all) {
    return weighted_output(shape, all, weight);
  };
  EXPECT_NEAR(sum, loss(inputs), 1e-4);  // thousands of terms of size 1, rounded to 6e-8

  // Half a gradient is there already: what is accumulated must be added to it.
  std::vector<float> d_gain(gain.size(), 0.5f), d_bias(bias.size(), 0.5f), d_x(x.size(), 0.5f);
  kernels.norm_backward(shape, weight.data(), unit.data(), inverse.data(), gain.data(),
                        d_gain.data(), shape.centred ? d_bias.data() : nullptr, d_x.data(), true);
  auto expected = numeric_gradient(loss, inputs);
  for (size_t i = 0; i < expected.size(); ++i) {
    const bool unused = !shape.centred && i >= static_cast<size_t>(size + shape.features);
    const bool between = i < static_cast<size_t>(size) &&
                         static_cast<std::int64_t>(i) % shape.stride >= shape.columns;
    expected[i] = unused || between ? 0.5 : expected[i] + 0.5;
  }
  std::vector<float> found(d_x);
  found.insert(found.end(), d_gain.begin(), d_gain.end());
  found.insert(found.end(), d_bias.begin(), d_bias.end());
  expect_close(found, expected);
}

TEST(Norm, AgreesWithItsFormulaAndItsDifferences) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t features : {6, 16}) {
      for (const bool centred : {false, true}) {
        SCOPED_TRACE(testing::Message() << kernels.name << " " << features << " " << centred);
        check_norm(kernels, {features, kColumns, kStride, centred});
      }
    }
  }
}

TEST(Norm, OfNothingIsNothing) {
  for (const Kernels& kernels : usable_kernels()) {
    const std::vector<float> x(16 * 4), gain(4, 2.0f);
    std::vector<float> unit(16 * 4), inverse(16), out(16 * 4, 1.0f);
    kernels.norm_forward({4, 16, 16}, x.data(), gain.data(), nullptr, unit.data(), inverse.data(),
                         out.data());
    for (const float value : out) EXPECT_EQ(value, 0.0f);
  }
}

}  // namespace
}  // namespace isoflop
