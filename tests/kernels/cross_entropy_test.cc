#include "kernels/cross_entropy.h"

#include <limits>

#include "tests/kernels/oracle.h"

namespace isoflop {
namespace {

double loss_of(const std::vector<double>& logits, std::int32_t target) {
  double largest = logits[0], sum = 0;
  for (const double logit : logits) largest = std::max(largest, logit);
  for (const double logit : logits) sum += std::exp(logit - largest);
  return std::log(sum) + largest - logits[static_cast<size_t>(target)];
}

struct Result {
  std::vector<float> left, losses, sums;
};

Result run(const Kernels& kernels, const CrossEntropyShape& shape, std::vector<float> logits,
           const std::vector<std::int32_t>& targets) {
  Result result{std::move(logits), std::vector<float>(targets.size(), -1.0f),
                std::vector<float>(targets.size())};
  kernels.cross_entropy(shape, result.left.data(), targets.data(), result.losses.data(),
                        result.sums.data());
  return result;
}

TEST(CrossEntropy, LossesAndGradientsAgreeWithDifferences) {
  for (const Kernels& kernels : usable_kernels()) {
    for (const std::int64_t vocab : {1, 2, 33, 256}) {
      const CrossEntropyShape shape{vocab, 80, 96};
      const auto logits = random_floats(vocab * shape.stride, 1, 3.0);
      std::vector<std::int32_t> targets(80);
      for (size_t t = 0; t < targets.size(); ++t)
        targets[t] = static_cast<std::int32_t>(t * 7) % vocab;
      const Result result = run(kernels, shape, logits, targets);
      for (std::int64_t t = 0; t < shape.columns; ++t) {
        const auto column = static_cast<size_t>(t);
        std::vector<double> z;
        for (std::int64_t v = 0; v < vocab; ++v)
          z.push_back(logits[static_cast<size_t>(v * shape.stride + t)]);
        const auto loss = [&](const std::vector<double>& at) {
          return loss_of(at, targets[column]);
        };
        ASSERT_NEAR(result.losses[column], loss(z), 2e-6 * (1 + loss(z)));
        if (t % 16 != 0) continue;  // differences are slow
        const auto gradient = numeric_gradient(loss, z);
        for (std::int64_t v = 0; v < vocab; ++v) {
          const float left = result.left[static_cast<size_t>(v * shape.stride + t)];
          ASSERT_NEAR(left / result.sums[column], gradient[static_cast<size_t>(v)], 1e-6);
        }
      }
    }
  }
}

TEST(CrossEntropy, AColumnWithoutATokenCostsNothing) {
  for (const Kernels& kernels : usable_kernels()) {
    const Result result =
        run(kernels, {5, 16, 16}, random_floats(80, 1), std::vector<std::int32_t>(16, -1));
    for (const float loss : result.losses) EXPECT_EQ(loss, 0.0f);
    for (const float value : result.left) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(CrossEntropy, HugeLossesAreFiniteAndBrokenOnesAreNot) {
  for (const Kernels& kernels : usable_kernels()) {
    std::vector<float> logits(3 * 16, 0.0f);
    logits[0] = -1e30f;  // row 0, columns 0, 1, 2
    logits[1] = std::numeric_limits<float>::quiet_NaN();
    logits[2] = std::numeric_limits<float>::infinity();
    const Result result = run(kernels, {3, 16, 16}, logits, std::vector<std::int32_t>(16, 0));
    EXPECT_EQ(result.losses[0], 1e30f);
    EXPECT_TRUE(std::isnan(result.losses[1]));
    EXPECT_FALSE(std::isfinite(result.losses[2]));
    EXPECT_NEAR(result.losses[3], std::log(3.0), 1e-6);
  }
}

}  // namespace
}  // namespace isoflop
