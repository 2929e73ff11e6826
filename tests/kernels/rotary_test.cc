#include "kernels/rotary.h"

#include <complex>

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

constexpr std::int64_t kRotaryColumns = 32, kRotaryStride = 35;

struct Tables {
  std::vector<float> cos, sin;
};

double angle(std::int64_t i, std::int64_t t) { return 0.37 * static_cast<double>((i + 1) * t); }

Tables tables(std::int64_t half) {
  Tables all{std::vector<float>(static_cast<size_t>(half * kRotaryStride)),
             std::vector<float>(static_cast<size_t>(half * kRotaryStride))};
  for (std::int64_t i = 0; i < half; ++i) {
    for (std::int64_t t = 0; t < kRotaryColumns; ++t) {
      all.cos[static_cast<size_t>(i * kRotaryStride + t)] =
          static_cast<float>(std::cos(angle(i, t)));
      all.sin[static_cast<size_t>(i * kRotaryStride + t)] =
          static_cast<float>(std::sin(angle(i, t)));
    }
  }
  return all;
}

TEST(Rotary, TurnsPairsAsComplexNumbers) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t half : {1, 3, 8}) {
      for (const double direction : {1.0, -1.0}) {
        const RotaryShape shape{
            2, 2 * half, kRotaryColumns, kRotaryStride, 0.25f, static_cast<float>(direction)};
        const auto in = random_floats(2 * 2 * half * kRotaryStride, 1);
        std::vector<double> expected = in_double(in);
        for (std::int64_t head = 0; head < 2; ++head) {
          for (std::int64_t i = 0; i < half; ++i) {
            for (std::int64_t t = 0; t < kRotaryColumns; ++t) {
              const auto first = static_cast<size_t>((head * 2 * half + i) * kRotaryStride + t);
              const auto second = first + static_cast<size_t>(half * kRotaryStride);
              const auto turned = std::complex<double>(in[first], in[second]) *
                                  std::polar(0.25, direction * angle(i, t));
              expected[first] = turned.real();
              expected[second] = turned.imag();
            }
          }
        }
        const Tables turn = tables(half);
        std::vector<float> out(in);  // in place
        kernels.rotate(shape, out.data(), turn.cos.data(), turn.sin.data(), out.data());
        expect_close(out, expected, 1e-6);
      }
    }
  }
}

TEST(Rotary, WithoutTablesOnlyScales) {
  for (const Kernels& kernels : usable_kernels()) {
    const auto in = random_floats(3 * 5 * kRotaryStride, 1);
    std::vector<float> out(in.size());
    kernels.rotate({3, 5, kRotaryColumns, kRotaryStride, 0.5f}, in.data(), nullptr, nullptr,
                   out.data());
    for (std::int64_t row = 0; row < 15; ++row) {
      for (std::int64_t t = 0; t < kRotaryColumns; ++t) {
        const auto at = static_cast<size_t>(row * kRotaryStride + t);
        ASSERT_EQ(out[at], 0.5f * in[at]);
      }
    }
  }
}

}  // namespace
}  // namespace isoflop
