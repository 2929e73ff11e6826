#include "model/cuda/heads.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "model/cuda/heads.cu"  // the source itself, for the device on the host
#include "tests/model/cuda/kernel_test.h"

namespace isoflop {
namespace {

struct HeadsCase {
  Element element = Element::kFloat;
  HeadShape shape = {};
  bool has_norm = true, has_rotary = true;

  std::size_t vectors() const { return static_cast<std::size_t>(shape.tokens * shape.heads); }
  std::size_t size() const { return static_cast<std::size_t>(shape.size); }
  std::size_t place(std::size_t vector, std::size_t which) const {
    const auto heads = static_cast<std::size_t>(shape.heads);
    return ((vector / heads * 3 + which) * heads + vector % heads) * size();
  }
  std::size_t time(std::size_t vector) const {
    return vector / static_cast<std::size_t>(shape.heads) % static_cast<std::size_t>(shape.length);
  }
  std::string name() const {
    return name_of(element) + " heads of " + std::to_string(shape.size) +
           (has_norm ? " normed" : "") + (has_rotary ? " turned" : "");
  }
};

struct HeadsInputs {
  KernelTensor qkv, d_q, d_k, d_v;
  std::vector<float> gain, cos, sin;

  explicit HeadsInputs(const HeadsCase& c)
      : qkv(c.element, 3 * c.vectors() * c.size()),
        d_q(c.element, c.vectors() * c.size()),
        d_k(c.element, c.vectors() * c.size()),
        d_v(c.element, c.vectors() * c.size()) {
    qkv.fill_normal(1, 2.0);
    d_q.fill_normal(2);
    d_k.fill_normal(3);
    d_v.fill_normal(4);
    for (std::size_t i = 0; i < 2 * c.size(); ++i) gain.push_back(0.5f + 0.125f * float(i % 7));
    const std::size_t half = c.size() / 2;
    for (std::int64_t t = 0; t < c.shape.length; ++t) {
      for (std::size_t i = 0; i < c.size(); ++i) {
        const double angle =
            static_cast<double>(t) * std::pow(100.0, -double(i % half) / double(half));
        cos.push_back(static_cast<float>(std::cos(angle)));
        sin.push_back(static_cast<float>(i < half ? -std::sin(angle) : std::sin(angle)));
      }
    }
  }
};

struct HeadsResult {
  std::vector<double> turned, d_qkv, d_gain;

  std::vector<double> all() const {
    std::vector<double> joined = turned;
    joined.insert(joined.end(), d_qkv.begin(), d_qkv.end());
    joined.insert(joined.end(), d_gain.begin(), d_gain.end());
    return joined;
  }
};

// Both passes of one vector of q or k, as the header's formulas are written.
struct OneHead {
  std::vector<double> out, d_x;

  OneHead(const HeadsCase& c, const HeadsInputs& in, std::size_t vector, std::size_t which,
          std::vector<double>& d_gain) {
    const std::size_t k = c.size(), half = k / 2, from = c.place(vector, which);
    const auto sized = static_cast<double>(k);
    const float* gain = in.gain.data() + which * k;
    double inverse = 1, squares = 0, along = 0;
    for (std::size_t i = 0; i < k; ++i) squares += in.qkv[from + i] * double(in.qkv[from + i]);
    if (c.has_norm) inverse = 1 / std::sqrt(squares / sized + double(c.shape.epsilon));
    const auto normal = [&](std::size_t i) { return in.qkv[from + i] * inverse; };
    const auto u = [&](std::size_t i) { return normal(i) * (c.has_norm ? gain[i] : 1.0f); };
    const auto& d_turned = which == 0 ? in.d_q : in.d_k;
    std::vector<double> du(k);
    for (std::size_t i = 0; i < half; ++i) {
      const std::size_t row = c.time(vector) * k;
      const double cos = c.has_rotary ? in.cos[row + i] : 1.0f;
      const double sin = c.has_rotary ? in.sin[row + i + half] : 0.0f;
      const double low = d_turned[vector * k + i], high = d_turned[vector * k + i + half];
      out.push_back(u(i) * cos - u(i + half) * sin);
      du[i] = low * cos + high * sin;
      du[i + half] = high * cos - low * sin;
    }
    for (std::size_t i = half; i < k; ++i) {
      const std::size_t row = c.time(vector) * k;
      const double cos = c.has_rotary ? in.cos[row + i] : 1.0f;
      const double sin = c.has_rotary ? in.sin[row + i] : 0.0f;
      out.push_back(u(i) * cos + u(i - half) * sin);
    }
    d_x = du;
    if (!c.has_norm) return;
    for (std::size_t i = 0; i < k; ++i) along += du[i] * gain[i] * normal(i) / sized;
    for (std::size_t i = 0; i < k; ++i) {
      d_gain[which * k + i] += du[i] * normal(i);
      d_x[i] = inverse * (du[i] * gain[i] - normal(i) * along);
    }
  }
};

HeadsResult reference_heads(const HeadsCase& c, const HeadsInputs& in) {
  HeadsResult out{std::vector<double>(2 * c.vectors() * c.size()),
                  std::vector<double>(3 * c.vectors() * c.size()),
                  std::vector<double>(c.has_norm ? 2 * c.size() : 0)};
  for (std::size_t vector = 0; vector < c.vectors(); ++vector) {
    for (std::size_t which = 0; which < 2; ++which) {
      const OneHead head(c, in, vector, which, out.d_gain);
      for (std::size_t i = 0; i < c.size(); ++i) {
        out.turned[(which * c.vectors() + vector) * c.size() + i] = head.out[i];
        out.d_qkv[c.place(vector, which) + i] = head.d_x[i];
      }
    }
    for (std::size_t i = 0; i < c.size(); ++i) {
      out.d_qkv[c.place(vector, 2) + i] = in.d_v[vector * c.size() + i];
    }
  }
  return out;
}

HeadsResult run_heads(const HeadsCase& c, HeadsInputs& in) {
  KernelTensor turned(c.element, 2 * c.vectors() * c.size());
  KernelTensor d_qkv(c.element, 3 * c.vectors() * c.size());
  std::vector<float> d_gain(2 * c.size(), NAN);
  std::vector<float> partial(static_cast<std::size_t>(turn_heads_partials(c.shape)), NAN);
  const float* gain = c.has_norm ? in.gain.data() : nullptr;
  const float* cos = c.has_rotary ? in.cos.data() : nullptr;
  const float* sin = c.has_rotary ? in.sin.data() : nullptr;
  turn_heads({.element = c.element,
              .qkv = in.qkv.data(),
              .gain = gain,
              .cos = cos,
              .sin = sin,
              .turned = turned.data(),
              .shape = c.shape},
             nullptr);
  turn_heads_backward({.element = c.element,
                       .qkv = in.qkv.data(),
                       .gain = gain,
                       .cos = cos,
                       .sin = sin,
                       .d_q = in.d_q.data(),
                       .d_k = in.d_k.data(),
                       .d_v = in.d_v.data(),
                       .d_qkv = d_qkv.data(),
                       .d_gain = c.has_norm ? d_gain.data() : nullptr,
                       .partial = partial.data(),
                       .shape = c.shape},
                      nullptr);
  HeadsResult out{turned.values(), d_qkv.values(), {}};
  if (c.has_norm) out.d_gain.assign(d_gain.begin(), d_gain.end());
  return out;
}

HeadShape shape_of(std::int64_t size, std::int64_t heads = 3, std::int64_t sequences = 2,
                   std::int64_t length = 5) {
  return {.tokens = sequences * length,
          .length = length,
          .heads = heads,
          .size = size,
          .epsilon = 1e-6f};
}

TEST(HeadsKernel, AgreesWithTheFormulasForwardAndBackward) {
  for (const Element element : {Element::kFloat, Element::kBfloat16}) {
    for (const std::int64_t size : {2, 6, 8, 10, 16, 24, 62, 64, 128, 256}) {
      for (const auto& [has_norm, has_rotary] :
           {std::pair(true, true), std::pair(false, true), std::pair(true, false)}) {
        const HeadsCase c{element, shape_of(size), has_norm, has_rotary};
        HeadsInputs in(c);
        HeadsResult out;
        same_in_every_order([&] {
          out = run_heads(c, in);
          return out.all();
        });
        const HeadsResult expected = reference_heads(c, in);
        const double relative = 1e-5 + half_an_ulp(element);
        expect_near(out.turned, expected.turned, relative, 2e-6, c.name() + " turned");
        expect_near(out.d_qkv, expected.d_qkv, relative, 2e-6, c.name() + " d_qkv");
        expect_near(out.d_gain, expected.d_gain, 1e-5, 2e-5, c.name() + " d_gain");
      }
    }
  }
}

// More heads than the backward pass has teams: it goes round.
TEST(HeadsKernel, SumsOverMoreHeadsThanTeams) {
  const HeadsCase c{Element::kFloat, shape_of(64, 13, 10, 70)};
  ASSERT_GT(c.vectors(), 512u * 256 / 16);
  HeadsInputs in(c);
  const HeadsResult out = run_heads(c, in), expected = reference_heads(c, in);
  expect_near(out.d_qkv, expected.d_qkv, 1e-5, 2e-6, "d_qkv");
  expect_near(out.d_gain, expected.d_gain, 1e-5, 2e-3, "d_gain");  // 9100 terms of size 1
}

TEST(HeadsKernel, SaysWhichShapesItTakes) {
  for (const std::int64_t size : {2, 8, 62, 64, 72, 128, 256}) {
    EXPECT_TRUE(heads_take(shape_of(size))) << size;
  }
  for (const std::int64_t size : {7, 66, 100, 264, 512}) {
    EXPECT_FALSE(heads_take(shape_of(size))) << size;
  }
  EXPECT_FALSE(heads_take(shape_of(64, 1 << 16, 1 << 10, 1 << 10)));
}

}  // namespace
}  // namespace isoflop
