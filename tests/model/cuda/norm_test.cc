#include "model/cuda/norm.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "model/cuda/norm.cu"  // the source itself, for the device on the host
#include "tests/model/cuda/kernel_test.h"

namespace isoflop {
namespace {

constexpr float kSmall = 1e-6f;

struct NormCase {
  Element element = Element::kFloat;
  std::int64_t rows = 5, width = 8;
  bool has_y = true, is_layer_norm = false, has_d_sum = true;

  std::size_t size() const { return static_cast<std::size_t>(rows * width); }
  std::string name() const {
    return name_of(element) + " " + std::to_string(rows) + " x " + std::to_string(width) +
           (has_y ? "" : " alone") + (is_layer_norm ? " LayerNorm" : " RMSNorm");
  }
};

// Inputs of both passes.
struct NormInputs {
  KernelTensor x, y, d_normed, d_sum;
  std::vector<float> gain, bias;

  explicit NormInputs(const NormCase& c)
      : x(Element::kFloat, c.size()),
        y(c.element, c.size()),
        d_normed(c.element, c.size()),
        d_sum(Element::kFloat, c.size()) {
    x.fill_normal(1, 2.0, 0.5);
    y.fill_normal(2);
    d_normed.fill_normal(3);
    d_sum.fill_normal(4);
    KernelTensor values(Element::kFloat, static_cast<std::size_t>(2 * c.width));
    values.fill_normal(5, 0.3, 1);
    for (std::int64_t i = 0; i < c.width; ++i) {
      gain.push_back(values[static_cast<std::size_t>(i)]);
      bias.push_back(values[static_cast<std::size_t>(c.width + i)]);
    }
  }
};

struct NormResult {
  std::vector<double> sum, normed, means, inverses, d_x, d_y, d_gain, d_bias;

  std::vector<double> all() const {
    std::vector<double> joined;
    for (const auto* part : {&sum, &normed, &means, &inverses, &d_x, &d_y, &d_gain, &d_bias}) {
      joined.insert(joined.end(), part->begin(), part->end());
    }
    return joined;
  }
};

// As the header's formulas are written. x' is given: it is rounded to float32.
NormResult reference_norm(const NormCase& c, const NormInputs& in, const std::vector<double>& sum) {
  const auto rows = static_cast<std::size_t>(c.rows), width = static_cast<std::size_t>(c.width);
  NormResult out;
  out.normed.resize(c.size());
  out.d_x.resize(c.size());
  out.d_gain.assign(width, 0);
  out.d_bias.assign(width, 0);
  for (std::size_t r = 0; r < rows; ++r) {
    double mean = 0, variance = 0, along = 0, level = 0;
    const double* row = sum.data() + r * width;
    if (c.is_layer_norm) {
      for (std::size_t i = 0; i < width; ++i) mean += row[i] / static_cast<double>(width);
    }
    for (std::size_t i = 0; i < width; ++i) {
      variance += (row[i] - mean) * (row[i] - mean) / static_cast<double>(width);
    }
    const double inverse = 1 / std::sqrt(variance + static_cast<double>(kSmall));
    out.means.push_back(mean);
    out.inverses.push_back(inverse);
    const auto h = [&](std::size_t i) { return (row[i] - mean) * inverse; };
    for (std::size_t i = 0; i < width; ++i) {
      const double dn = in.d_normed[r * width + i], g = dn * in.gain[i];
      out.normed[r * width + i] = h(i) * in.gain[i] + (c.is_layer_norm ? in.bias[i] : 0.0f);
      along += g * h(i) / static_cast<double>(width);
      level += g / static_cast<double>(width);
      out.d_gain[i] += dn * h(i);
      out.d_bias[i] += dn;
    }
    for (std::size_t i = 0; i < width; ++i) {
      const double g = in.d_normed[r * width + i] * in.gain[i];
      out.d_x[r * width + i] = inverse * (g - h(i) * along - (c.is_layer_norm ? level : 0.0)) +
                               (c.has_d_sum ? in.d_sum[r * width + i] : 0.0f);
    }
  }
  return out;
}

NormResult run_norm(const NormCase& c, NormInputs& in) {
  const auto rows = static_cast<std::size_t>(c.rows), width = static_cast<std::size_t>(c.width);
  KernelTensor sum(Element::kFloat, c.has_y ? c.size() : 0), normed(c.element, c.size()),
      d_x(Element::kFloat, c.size()), d_y(c.element, c.has_y ? c.size() : 0);
  std::vector<float> means(rows, NAN), inverses(rows, NAN), d_gain(width, NAN), d_bias(width, NAN);
  std::vector<float> partial(static_cast<std::size_t>(add_norm_partials(c.rows, c.width)), NAN);
  add_norm_forward({.element = c.element,
                    .x = in.x.floats(),
                    .y = c.has_y ? in.y.data() : nullptr,
                    .gain = in.gain.data(),
                    .bias = c.is_layer_norm ? in.bias.data() : nullptr,
                    .sum = c.has_y ? sum.floats() : nullptr,
                    .normed = normed.data(),
                    .means = c.is_layer_norm ? means.data() : nullptr,
                    .inverses = inverses.data(),
                    .epsilon = kSmall,
                    .rows = c.rows,
                    .width = c.width},
                   nullptr);
  add_norm_backward({.element = c.element,
                     .d_normed = in.d_normed.data(),
                     .d_sum = c.has_d_sum ? in.d_sum.floats() : nullptr,
                     .sum = c.has_y ? sum.floats() : in.x.floats(),
                     .gain = in.gain.data(),
                     .means = c.is_layer_norm ? means.data() : nullptr,
                     .inverses = inverses.data(),
                     .d_x = d_x.floats(),
                     .d_y = c.has_y ? d_y.data() : nullptr,
                     .d_gain = d_gain.data(),
                     .d_bias = c.is_layer_norm ? d_bias.data() : nullptr,
                     .partial = partial.data(),
                     .rows = c.rows,
                     .width = c.width},
                    nullptr);
  const auto doubles = [](const std::vector<float>& v) {
    return std::vector<double>(v.begin(), v.end());
  };
  NormResult out{.sum = c.has_y ? sum.values() : in.x.values(),
                 .normed = normed.values(),
                 .means = {},
                 .inverses = doubles(inverses),
                 .d_x = d_x.values(),
                 .d_y = d_y.values(),
                 .d_gain = doubles(d_gain),
                 .d_bias = {}};
  if (c.is_layer_norm) {
    out.means = doubles(means);
    out.d_bias = doubles(d_bias);
  }
  return out;
}

// Widths of one thread's values, of less than a warp, of several warps, packed or not; rows that do
// not fill their last block.
std::vector<NormCase> norm_cases() {
  std::vector<NormCase> all;
  for (const Element element : {Element::kFloat, Element::kBfloat16}) {
    for (const std::int64_t width : {1, 6, 8, 33, 64, 264, 1000, 2048}) {
      all.push_back({.element = element, .rows = width > 64 ? 2 : 11, .width = width});
      if (width == 1) continue;  // LayerNorm's variance is 0: all would be rounding x 1000
      all.push_back({.element = element, .rows = 3, .width = width, .is_layer_norm = true});
    }
    all.push_back({.element = element, .rows = 3, .width = 24, .has_y = false});
    all.push_back({.element = element, .rows = 2, .width = 24, .has_d_sum = false});
  }
  return all;
}

TEST(NormKernel, AgreesWithTheFormulasForwardAndBackward) {
  for (const NormCase& c : norm_cases()) {
    NormInputs in(c);
    NormResult out;
    same_in_every_order([&] {
      out = run_norm(c, in);
      return out.all();
    });
    const double ulp = half_an_ulp(c.element);
    if (c.has_y) {
      for (std::size_t i = 0; i < c.size(); ++i) {
        const double exact = static_cast<double>(in.x[i]) + in.y[i];
        ASSERT_NEAR(out.sum[i], exact, 0x1p-24 * std::fabs(exact)) << c.name();
      }
    }
    const NormResult expected = reference_norm(c, in, out.sum);
    expect_near(out.inverses, expected.inverses, 1e-5, 0, c.name() + " inverses");
    if (c.is_layer_norm) expect_near(out.means, expected.means, 1e-5, 1e-6, c.name() + " means");
    expect_near(out.normed, expected.normed, 1e-5 + ulp, 1e-5, c.name() + " normed");
    expect_near(out.d_x, expected.d_x, 1e-5, 1e-5, c.name() + " d_x");
    if (c.has_y) expect_near(out.d_y, out.d_x, ulp, 0, c.name() + " d_y");
    expect_near(out.d_gain, expected.d_gain, 1e-5, 2e-5, c.name() + " d_gain");
    if (c.is_layer_norm) expect_near(out.d_bias, expected.d_bias, 1e-5, 1e-5, c.name() + " d_bias");
  }
}

// More rows than the backward pass has blocks x rows of a block: it goes round.
TEST(NormKernel, SumsOverMoreRowsThanBlocks) {
  const NormCase c{.element = Element::kFloat, .rows = 2 * 256 * 8 + 5, .width = 3};
  NormInputs in(c);
  const NormResult out = run_norm(c, in), expected = reference_norm(c, in, out.sum);
  expect_near(out.d_x, expected.d_x, 1e-5, 1e-5, "d_x");
  expect_near(out.d_gain, expected.d_gain, 1e-5, 1e-3, "d_gain");  // 4101 terms of size 1
}

TEST(NormKernel, SaysWhichWidthsItTakes) {
  for (const std::int64_t width : {1, 7, 1023, 1024, 1032, 4096, 8192})
    EXPECT_TRUE(norm_takes(width));
  for (const std::int64_t width : {1025, 1028, 8200, 16384}) EXPECT_FALSE(norm_takes(width));
  const NormCase c{.element = Element::kBfloat16, .rows = 1, .width = 8192};
  NormInputs in(c);
  const NormResult out = run_norm(c, in), expected = reference_norm(c, in, out.sum);
  expect_near(out.normed, expected.normed, 1e-5 + 0x1p-8, 1e-5, "the widest");
}

}  // namespace
}  // namespace isoflop
