#include "model/cuda/cross_entropy.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "model/cuda/cross_entropy.cu"  // the source itself, for the device on the host
#include "tests/model/cuda/kernel_test.h"

namespace isoflop {
namespace {

struct Rows {
  Element element = Element::kFloat;
  std::int64_t rows = 5, vocab = 7, stride = 7;

  std::size_t size() const { return static_cast<std::size_t>(rows * stride); }
};

KernelTensor logits_of(const Rows& rows) {
  KernelTensor logits(rows.element, rows.size());
  logits.fill_normal(3, 4.0);  // far from uniform: the largest probability is near 1
  return logits;
}

// Every third is not predicted; else spread over the vocabulary, its last token among them.
std::vector<std::int64_t> targets_of(const Rows& rows) {
  std::vector<std::int64_t> targets;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    targets.push_back(r % 3 == 2 ? -1 : (rows.vocab - 1 - r * 11 % rows.vocab));
  }
  return targets;
}

struct Expected {
  std::vector<double> losses, logits;  // logits: the gradient in their place
};

Expected reference(const Rows& rows, const std::vector<std::int64_t>& targets, double scale) {
  Expected expected{{}, logits_of(rows).values()};
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    double* row = expected.logits.data() + r * rows.stride;
    const std::int64_t target = targets[static_cast<std::size_t>(r)];
    double sum = 0;
    for (std::int64_t v = 0; v < rows.vocab; ++v) sum += std::exp(row[v]);
    expected.losses.push_back(target < 0 ? 0.0 : std::log(sum) - row[target]);
    for (std::int64_t v = 0; v < rows.vocab; ++v) {
      row[v] = target < 0 ? 0.0 : scale * (std::exp(row[v]) / sum - (v == target ? 1 : 0));
    }
  }
  return expected;
}

// The losses, then the logits.
std::vector<double> run(const Rows& rows, const std::vector<std::int64_t>& targets,
                        const float* scale) {
  KernelTensor logits = logits_of(rows);
  std::vector<float> losses(static_cast<std::size_t>(rows.rows), NAN);
  cross_entropy({.element = rows.element,
                 .logits = logits.data(),
                 .targets = targets.data(),
                 .losses = losses.data(),
                 .scale = scale,
                 .rows = rows.rows,
                 .vocab = rows.vocab,
                 .stride = rows.stride},
                nullptr);
  std::vector<double> all(losses.begin(), losses.end());
  const std::vector<double> after = logits.values();
  all.insert(all.end(), after.begin(), after.end());
  return all;
}

// Vocabularies below a warp, around warps and packs, and above what a block reads at once; strides
// that are packed, packed with a rest, and neither.
std::vector<Rows> shapes() {
  std::vector<Rows> all;
  for (const Element element : {Element::kFloat, Element::kBfloat16}) {
    for (const std::int64_t vocab : {1, 2, 7, 31, 32, 33, 256, 257, 1000, 9001}) {
      all.push_back({element, 4, vocab, vocab});
      all.push_back({element, 4, vocab, (vocab + 15) / 8 * 8});
    }
  }
  return all;
}

TEST(CrossEntropyKernel, AgreesWithTheFormula) {
  const float scale = 0.375f;
  for (const Rows& rows : shapes()) {
    const auto targets = targets_of(rows);
    const auto all = same_in_every_order([&] { return run(rows, targets, &scale); });
    const Expected expected = reference(rows, targets, scale);
    const std::string what = name_of(rows.element) + " " + std::to_string(rows.vocab);
    const auto end_of_losses = all.begin() + rows.rows;
    // Sums of up to 9001 terms in float32, of numbers up to 20.
    expect_near({all.begin(), end_of_losses}, expected.losses, 1e-5, 2e-6, what);
    expect_near({end_of_losses, all.end()}, expected.logits, 2e-5 + half_an_ulp(rows.element), 1e-7,
                what);
  }
}

TEST(CrossEntropyKernel, WithoutAScaleLeavesTheLogitsAlone) {
  for (const Rows& rows : shapes()) {
    const auto targets = targets_of(rows);
    const auto all = run(rows, targets, nullptr);
    expect_near({all.begin(), all.begin() + rows.rows}, reference(rows, targets, 1).losses, 1e-5,
                2e-6, "losses");
    EXPECT_EQ(std::vector<double>(all.begin() + rows.rows, all.end()), logits_of(rows).values());
  }
}

TEST(CrossEntropyKernel, HoldsLargeLogits) {
  std::vector<float> logits{1000, -1000, 999};
  const std::int64_t target = 2;
  float loss = 0, scale = 1;
  cross_entropy({.logits = logits.data(),
                 .targets = &target,
                 .losses = &loss,
                 .scale = &scale,
                 .rows = 1,
                 .vocab = 3,
                 .stride = 3},
                nullptr);
  const double e = std::exp(-1.0);
  EXPECT_NEAR(loss, 1 + std::log1p(e), 1e-4);  // of numbers near 1000
  EXPECT_NEAR(logits[0], 1 / (1 + e), 1e-4);
  EXPECT_EQ(logits[1], 0);
  EXPECT_NEAR(logits[2], e / (1 + e) - 1, 1e-4);
}

TEST(CrossEntropyKernel, ATargetBeyondTheVocabularyIsSeenAndNothingElseIsHarmed) {
  const Rows rows{Element::kFloat, 2, 5, 5};
  const float scale = 1;
  const auto all = run(rows, {5, 1}, &scale);
  EXPECT_TRUE(std::isnan(all[0]));
  EXPECT_TRUE(std::isfinite(all[1]));
  EXPECT_EQ(std::vector<double>(all.begin() + 2, all.begin() + 7), std::vector<double>(5, 0.0));
}

TEST(CrossEntropyKernel, NoRowsAreNothingToDoAndTooManyAreRefused) {
  cross_entropy({}, nullptr);
  EXPECT_THROW(cross_entropy({.rows = std::int64_t{1} << 31, .vocab = 5, .stride = 5}, nullptr),
               Error);
}

}  // namespace
}  // namespace isoflop
