#include "data/split.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/units.h"

namespace isoflop {
namespace {

// In [0, 1).
double block_hash(std::int64_t seed, std::int64_t block) {
  const std::uint64_t hash =
      splitmix64(splitmix64(static_cast<std::uint64_t>(seed)) + static_cast<std::uint64_t>(block));
  return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

void check(std::int64_t tokens, std::int64_t block_tokens, double fraction) {
  if (!(fraction > 0 && fraction < 1)) {
    throw usage_error("split: held-out fraction: " + exact_number(fraction) +
                      " is not between 0 and 1: give e.g. 0.05");
  }
  if (block_tokens < 1 || tokens <= block_tokens) {
    throw usage_error("split: " + std::to_string(tokens) + " tokens are not two blocks of " +
                      std::to_string(block_tokens) + ": choose smaller blocks or a larger corpus");
  }
}

}  // namespace

std::int64_t BlockSplit::tokens_of(std::int64_t block) const {
  return std::min(block_tokens, tokens - block * block_tokens);
}

std::int64_t BlockSplit::heldout_tokens() const {
  return static_cast<std::int64_t>(heldout.size()) * block_tokens;
}

std::int64_t BlockSplit::train_tokens() const { return tokens - heldout_tokens(); }

BlockSplit split_blocks(std::int64_t tokens, std::int64_t block_tokens, std::int64_t seed,
                        double heldout_fraction) {
  check(tokens, block_tokens, heldout_fraction);
  BlockSplit split{.tokens = tokens, .block_tokens = block_tokens, .train = {}, .heldout = {}};
  const std::int64_t last = (tokens - 1) / block_tokens;
  std::int64_t smallest = 0;
  for (std::int64_t block = 0; block < last; ++block) {
    const double hash = block_hash(seed, block);
    if (hash < block_hash(seed, smallest)) smallest = block;
    (hash < heldout_fraction ? split.heldout : split.train).push_back(block);
  }
  if (split.heldout.empty()) {
    split.heldout.push_back(smallest);
    std::erase(split.train, smallest);
  }
  split.train.push_back(last);
  return split;
}

std::int64_t default_block_tokens(std::int64_t tokens) {
  std::int64_t block = 65536;
  while (block > 1024 && block > tokens / 100) block /= 2;
  return block;
}

}  // namespace isoflop
