// A seeded order of [0, n) that is never stored: the order in which training sees its windows.
//
// A four-round Feistel network over the smallest square power of two >= n is a bijection whatever
// its round function; results outside [0, n) are fed in again until one is inside ("cycle walking",
// Black and Rogaway 2002), which is a bijection of [0, n). On average fewer than four walks. O(1)
// memory, random access, integers only: the same on every machine.
#ifndef ISOFLOP_DATA_PERMUTATION_H_
#define ISOFLOP_DATA_PERMUTATION_H_

#include <cstdint>

namespace isoflop {

class Permutation {
 public:
  // 0 < n <= 2^62.
  Permutation(std::int64_t n, std::uint64_t seed);

  std::int64_t size() const { return n_; }
  // Where `i` in [0, n) goes.
  std::int64_t operator()(std::int64_t i) const;

 private:
  std::uint64_t once(std::uint64_t x) const;

  std::int64_t n_;
  int half_bits_;
  std::uint64_t keys_[4];
};

// The order of an epoch, 0 being the first: Permutation(n, seed) itself, then one of its own for
// every epoch. Epochs of two seeds are unrelated.
Permutation epoch_order(std::int64_t n, std::uint64_t seed, std::int64_t epoch);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_PERMUTATION_H_
