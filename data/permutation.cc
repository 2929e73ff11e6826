#include "data/permutation.h"

#include "core/error.h"
#include "core/hash.h"

namespace isoflop {

Permutation::Permutation(std::int64_t n, std::uint64_t seed) : n_(n), half_bits_(1) {
  if (n < 1 || n > std::int64_t{1} << 62) {
    throw failure("permutation: " + std::to_string(n) + " elements: must be from 1 to 2^62");
  }
  while ((std::uint64_t{1} << (2 * half_bits_)) < static_cast<std::uint64_t>(n)) ++half_bits_;
  SplitMix64 random(splitmix64(seed));
  for (std::uint64_t& key : keys_) key = random();
}

std::uint64_t Permutation::once(std::uint64_t x) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = x >> half_bits_;
  std::uint64_t right = x & mask;
  for (const std::uint64_t key : keys_) {
    const std::uint64_t mixed = (left ^ splitmix64(key ^ right)) & mask;
    left = right;
    right = mixed;
  }
  return left << half_bits_ | right;
}

std::int64_t Permutation::operator()(std::int64_t i) const {
  if (i < 0 || i >= n_) {
    throw failure("permutation: index " + std::to_string(i) + " is not below " +
                  std::to_string(n_));
  }
  auto x = static_cast<std::uint64_t>(i);
  do {
    x = once(x);
  } while (x >= static_cast<std::uint64_t>(n_));
  return static_cast<std::int64_t>(x);
}

Permutation epoch_order(std::int64_t n, std::uint64_t seed, std::int64_t epoch) {
  if (epoch == 0) return {n, seed};
  return {n, splitmix64(splitmix64(seed) + static_cast<std::uint64_t>(epoch))};
}

}  // namespace isoflop
