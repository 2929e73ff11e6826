#include "data/interleave.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numbers>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

std::vector<double> geometric(size_t parts, double ratio) {
  std::vector<double> weights{1};
  while (weights.size() < parts) weights.push_back(weights.back() * ratio);
  return weights;
}

std::vector<std::vector<double>> odd_weights() {
  return {{1},
          {0.5, 0.5},
          {0.333, 0.667},
          {1e-3, 0.999},
          {0.7, 0.2, 0.1},
          {1, 1, 1},
          {0.9, 0.05, 0.05},
          {0.001, 0.002, 0.3, 0.697},
          {std::sqrt(2), std::numbers::pi, std::numbers::e, 1e-2, 7},
          std::vector<double>(10, 1.0),
          std::vector<double>(200, 0.3),
          geometric(30, 0.5),
          geometric(30, 0.9),
          geometric(60, 1.1)};
}

std::vector<double> shares_of(std::vector<double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

TEST(Interleave, EveryPartHasItsShareOfTheFirstNForEveryN) {
  for (const auto& weights : odd_weights()) {
    const Interleave interleave(weights);
    const std::vector<double> shares = shares_of(weights);
    std::vector<std::int64_t> had(weights.size(), 0);
    for (std::int64_t n = 0; n < 5000; ++n) {
      for (size_t k = 0; k < shares.size(); ++k) {
        const double off =
            std::abs(static_cast<double>(had[k]) - static_cast<double>(n) * shares[k]);
        // 1e-9: the sum of the weights is rounded here.
        if (off > interleave.errors()[k] + 1e-9) {
          FAIL() << shares.size() << " parts, part " << k << ", n " << n << ": off by " << off;
        }
      }
      if (n % 97 == 0) {
        ASSERT_EQ(interleave.counts(n), had);
      }
      const auto [part, ordinal] = interleave.at(n);
      ASSERT_EQ(ordinal, had[part]++) << "n " << n;
    }
  }
}

TEST(Interleave, TheErrorIsBelowTwoWindowsHoweverManyParts) {
  for (const auto& weights : odd_weights()) {
    const Interleave interleave(weights);
    for (const double error : interleave.errors()) EXPECT_LT(error, 2);
  }
  EXPECT_EQ(Interleave(std::vector<double>{0.333, 0.667}).errors(),
            (std::vector<double>{0.5, 0.5}));
  const Interleave three(std::vector<double>{0.3, 0.3, 0.4});
  for (const double error : three.errors()) EXPECT_LT(error, 1);
}

TEST(Interleave, NeitherDriftsNorSkipsFarOut) {
  for (const auto& weights : {std::vector<double>{1 - 1e-6, 1e-6}, {0.333, 0.667}, {7, 2, 1}}) {
    const Interleave interleave(weights);
    const std::int64_t far = (std::int64_t{1} << 50) + 12345;
    auto before = interleave.counts(far);
    for (size_t k = 0; k < weights.size(); ++k) {
      const long double owed = static_cast<long double>(far) * weights[k] /
                               std::accumulate(weights.begin(), weights.end(), 0.0L);
      // The shares' own rounding, 2^-53 of 2^50 windows, comes on top.
      EXPECT_LE(std::abs(static_cast<double>(static_cast<long double>(before[k]) - owed)),
                interleave.errors()[k] + 1);
    }
    for (std::int64_t n = far; n < far + 3000; ++n) {
      const auto [part, ordinal] = interleave.at(n);
      ASSERT_EQ(ordinal, before[part]++);
      ASSERT_EQ(interleave.counts(n + 1), before);
    }
  }
}

TEST(Interleave, OnlyTheRatiosOfWeightsCount) {
  const Interleave shares(std::vector<double>{0.5, 0.25, 0.25}),
      parts(std::vector<double>{2, 1, 1});
  for (std::int64_t n = 0; n < 500; ++n) EXPECT_EQ(shares.at(n).part, parts.at(n).part);
}

TEST(Interleave, FindsTheLastWindowBeforeAPartRunsOut) {
  for (const auto& weights : odd_weights()) {
    const Interleave interleave(weights);
    std::vector<std::int64_t> limits;
    for (size_t k = 0; k < weights.size(); ++k) {
      limits.push_back(static_cast<std::int64_t>(3 + 40 * k % 101));
    }
    std::vector<std::int64_t> had(weights.size(), 0);
    std::int64_t n = 0;
    while (true) {  // one by one
      const size_t part = interleave.at(n).part;
      if (had[part] == limits[part]) break;
      ++had[part];
      ++n;
    }
    EXPECT_EQ(interleave.windows_within(limits), n) << weights.size() << " parts";
  }
}

TEST(Interleave, RefusesWeightsThatAreNone) {
  EXPECT_THROW(Interleave(std::vector<double>{}), Error);
  EXPECT_THROW(Interleave(std::vector<double>{1, 0}), Error);
  EXPECT_THROW(Interleave(std::vector<double>{1, -1}), Error);
  EXPECT_THROW(Interleave(std::vector<double>{1, std::nan("")}), Error);
  EXPECT_THROW(Interleave(std::vector<double>{1, HUGE_VAL}), Error);
}

}  // namespace
}  // namespace isoflop
