#include "data/split.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "core/error.h"

namespace isoflop {
namespace {

TEST(Split, EveryBlockIsTrainedOnOrHeldOutNeverBoth) {
  for (const std::int64_t tokens : {2001, 20000, 123457, 1000000}) {
    const BlockSplit split = split_blocks(tokens, 1000, 3, 0.05);
    std::set<std::int64_t> all(split.train.begin(), split.train.end());
    all.insert(split.heldout.begin(), split.heldout.end());
    EXPECT_EQ(all.size(), split.train.size() + split.heldout.size());
    EXPECT_EQ(static_cast<std::int64_t>(all.size()), (tokens + 999) / 1000);
    EXPECT_EQ(split.train_tokens() + split.heldout_tokens(), tokens);
    EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
    std::int64_t sum = 0;
    for (const std::int64_t block : all) sum += split.tokens_of(block);
    EXPECT_EQ(sum, tokens);
  }
}

TEST(Split, HoldsOutTheFractionAskedForSpreadOverTheWholeCorpus) {
  const BlockSplit split = split_blocks(10'000'000, 1000, 0, 0.05);
  // 500 of 10,000 blocks expected, binomial standard deviation 22.
  EXPECT_NEAR(static_cast<double>(split.heldout.size()), 500, 5 * 22);
  for (std::int64_t tenth = 0; tenth < 10; ++tenth) {
    const auto inside = std::count_if(split.heldout.begin(), split.heldout.end(),
                                      [&](auto block) { return block / 1000 == tenth; });
    EXPECT_NEAR(static_cast<double>(inside), 50, 5 * 7) << "tenth " << tenth;  // sd 6.9
  }
}

TEST(Split, AlwaysHoldsOutOneAndKeepsTheTail) {
  for (std::int64_t seed = 0; seed < 50; ++seed) {
    const BlockSplit few = split_blocks(2500, 1000, seed, 1e-9);
    ASSERT_EQ(few.heldout.size(), 1u);
    EXPECT_NE(few.heldout[0], 2);
    const BlockSplit most = split_blocks(2500, 1000, seed, 0.999999);
    EXPECT_EQ(most.train, std::vector<std::int64_t>{2});
  }
}

TEST(Split, ABlockStaysOnItsSideWhenTheCorpusGrows) {
  const BlockSplit small = split_blocks(1'000'000, 1000, 9, 0.1);
  const BlockSplit large = split_blocks(2'000'000, 1000, 9, 0.1);
  for (const std::int64_t block : small.heldout) {
    EXPECT_TRUE(std::binary_search(large.heldout.begin(), large.heldout.end(), block));
  }
}

TEST(Split, RefusesWhatCannotBeSplit) {
  EXPECT_THROW(split_blocks(1000, 1000, 0, 0.05), Error);
  for (const double fraction : {0.0, 1.0, -0.1, 2.0, 0.0 / 0.0}) {
    EXPECT_THROW(split_blocks(100000, 1000, 0, fraction), Error) << fraction;
  }
}

TEST(Split, BlocksAreSmallerForSmallCorpora) {
  EXPECT_EQ(default_block_tokens(21'000'000), 65536);
  EXPECT_EQ(default_block_tokens(6'553'600), 65536);
  EXPECT_EQ(default_block_tokens(6'553'599), 32768);
  EXPECT_EQ(default_block_tokens(1'000'000), 8192);
  EXPECT_EQ(default_block_tokens(30'000), 1024);
}

}  // namespace
}  // namespace isoflop
