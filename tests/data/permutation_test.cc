#include "data/permutation.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

TEST(Permutation, IsABijectionForEverySmallSizeAndSomeLarge) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 1; n <= 300; ++n) sizes.push_back(n);
  for (const std::int64_t n : {1023, 1024, 1025, 4097, 65537, 100003}) sizes.push_back(n);
  for (const std::int64_t n : sizes) {
    for (const std::uint64_t seed : {0, 1, 12345}) {
      const Permutation order(n, seed);
      std::vector<bool> seen(static_cast<size_t>(n), false);
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t to = order(i);
        ASSERT_GE(to, 0);
        ASSERT_LT(to, n);
        ASSERT_FALSE(seen[static_cast<size_t>(to)]) << "n " << n << " seed " << seed << " i " << i;
        seen[static_cast<size_t>(to)] = true;
      }
    }
  }
}

TEST(Permutation, SameSeedSameOrderAndOtherSeedOtherOrder) {
  const Permutation a(1000, 7), same(1000, 7), other(1000, 8);
  int equal_to_other = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(a(i), same(i));
    equal_to_other += a(i) == other(i);
  }
  EXPECT_LT(equal_to_other, 10);  // 1 expected of two random orders
}

TEST(Permutation, IsTheSameOnEveryMachine) {
  // Written down once; integer arithmetic only, so any difference changes trained losses.
  const Permutation order(1000, 1);
  std::vector<std::int64_t> first;
  for (std::int64_t i = 0; i < 5; ++i) first.push_back(order(i));
  EXPECT_EQ(first, (std::vector<std::int64_t>{39, 217, 180, 927, 151}));
}

TEST(Permutation, MixesEvenly) {
  // The first tenth of the order covers all tenths of the range: counts of 1,000 draws into 10 bins
  // have standard deviation 9.5; 6 of them is beyond chance for a fixed seed.
  const Permutation order(10000, 3);
  std::vector<int> bins(10, 0);
  for (std::int64_t i = 0; i < 1000; ++i) ++bins[static_cast<size_t>(order(i) / 1000)];
  for (const int count : bins) EXPECT_NEAR(count, 100, 57);
}

TEST(Permutation, WorksForSizesThatAreNeverStored) {
  const std::int64_t n = (std::int64_t{1} << 40) - 1;
  const Permutation order(n, 5);
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_GE(order(n - 1 - i), 0);
    EXPECT_LT(order(n - 1 - i), n);
  }
}

TEST(EpochOrder, BeginsWithThePlainOrderAndThenDiffersInEveryEpochAndSeed) {
  const std::int64_t n = 1000;
  const Permutation plain(n, 7);
  std::vector<Permutation> orders;
  for (const std::uint64_t seed : {7, 8}) {
    for (const std::int64_t epoch : {0, 1, 2, 100}) orders.push_back(epoch_order(n, seed, epoch));
  }
  for (std::int64_t i = 0; i < n; ++i) EXPECT_EQ(orders[0](i), plain(i));
  for (size_t a = 0; a < orders.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      int same = 0;
      for (std::int64_t i = 0; i < n; ++i) same += orders[a](i) == orders[b](i);
      EXPECT_LT(same, 10) << a << " and " << b;  // 1 expected of two random orders
    }
  }
}

TEST(Permutation, RefusesWhatIsOutside) {
  EXPECT_THROW(Permutation(0, 1), Error);
  EXPECT_THROW(Permutation(10, 1)(10), Error);
  EXPECT_THROW(Permutation(10, 1)(-1), Error);
}

}  // namespace
}  // namespace isoflop
