// Which blocks of a corpus are held out.
//
// Tokens are cut into blocks of `block_tokens`; block i is held out when a hash of (seed, i), read
// as a number in [0, 1), is below the fraction. So the held-out set is spread over the whole
// corpus: a corpus is rarely the same from end to end (speeches by year, books by author), and a
// tail would measure the change and not the model. The last block, which may be short, is always
// trained on. At least one block is held out (the one with the smallest hash if none is small
// enough) and at least one is kept.
//
// Training and held-out windows lie within blocks (data/text_source.h), so they share no token.
#ifndef ISOFLOP_DATA_SPLIT_H_
#define ISOFLOP_DATA_SPLIT_H_

#include <cstdint>
#include <vector>

namespace isoflop {

struct BlockSplit {
  std::int64_t tokens = 0;
  std::int64_t block_tokens = 0;
  std::vector<std::int64_t> train;    // block indices, ascending
  std::vector<std::int64_t> heldout;  // ascending; never the last block

  std::int64_t train_tokens() const;
  std::int64_t heldout_tokens() const;
  // Tokens of one block: block_tokens, less for the last.
  std::int64_t tokens_of(std::int64_t block) const;
};

// Throws Error(kUsage) when there are fewer than two blocks or the fraction is not in (0, 1).
BlockSplit split_blocks(std::int64_t tokens, std::int64_t block_tokens, std::int64_t seed,
                        double heldout_fraction);

// The default block: 65,536 tokens, but at most a hundredth of the corpus, as a power of two, and
// at least 1,024, so that a small corpus also has enough blocks to be split fairly.
std::int64_t default_block_tokens(std::int64_t tokens);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_SPLIT_H_
