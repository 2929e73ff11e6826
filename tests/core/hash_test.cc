#include "core/hash.h"

#include <gtest/gtest.h>
#include <set>

namespace isoflop {
namespace {

// FIPS 180-4 examples.
TEST(Hash, AgreesWithPublishedDigests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, InPiecesIsTheSameAsAtOnce) {
  Sha256 digest;
  digest.update("a");
  digest.update("");
  digest.update("bc");
  EXPECT_EQ(digest.hex(), sha256("abc"));
}

// The reference generator of Steele, Lea and Flood with seed 1234567.
TEST(Hash, SplitMixGivesItsReferenceSequence) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random(), 6457827717110365317ULL);
  EXPECT_EQ(random(), 3203168211198807973ULL);
  EXPECT_EQ(random(), 9817491932198370423ULL);
}

TEST(Hash, BelowStaysBelowAndReachesEverything) {
  SplitMix64 random(3);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.below(7);
    ASSERT_LT(value, 7u);
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 7u);
}

}  // namespace
}  // namespace isoflop
