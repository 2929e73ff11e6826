// Which tokens of a sequence a masked model predicts, and what it reads in their place.
//
//   predicted   exactly predictions_per_window (core/model_config.h) of the sequence's tokens,
//   every
//               choice as likely as any other; never special ones, which are ids beyond the corpus'
//   read there  [MASK] with probability train.mask_replaced, any other token of the corpus with
//               train.mask_random, else the token itself; drawn for each
//
// (Devlin et al. 2019, section 3.1, where the number is rounded down and at most 20.)
//
// With train.whole_words all tokens of a word (data/word_starts.h) are predicted together: words
// are taken in random order until the number is reached; one that has more tokens than are still to
// be chosen is passed over, and only when no word is left that fits, the first that did not gives
// as many of its first tokens as are missing. What a window cuts off at its ends is a word too.
//
// Not thread-safe: one object a thread.
#ifndef ISOFLOP_DATA_MASKING_H_
#define ISOFLOP_DATA_MASKING_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/hash.h"
#include "core/trial.h"
#include "data/word_starts.h"

namespace isoflop {

class Masking {
 public:
  // `vocab` is the corpus'; `words` are needed for whole words alone.
  Masking(const Trial& trial, std::int64_t vocab, std::optional<WordStarts> words);

  // `inputs` holds a sequence and gets what the model reads; `targets` what it predicts, -1:
  // nothing.
  void apply(std::span<std::int32_t> inputs, std::span<std::int32_t> targets, SplitMix64& random);

 private:
  struct Run {
    std::size_t begin = 0, end = 0;
  };
  bool is_special(std::int32_t token) const { return token >= vocab_; }
  void choose_tokens(std::span<const std::int32_t> sequence, SplitMix64& random);
  void choose_words(std::span<const std::int32_t> sequence, SplitMix64& random);
  void find_words(std::span<const std::int32_t> sequence);
  std::size_t missing() const { return count_ - chosen_.size(); }
  void choose_first(const Run& word, std::size_t count);
  std::int32_t read_instead(std::int32_t token, SplitMix64& random) const;

  std::int32_t vocab_, mask_;
  std::size_t count_;
  double replaced_, random_;
  std::optional<WordStarts> words_;
  std::vector<std::size_t> places_, chosen_;
  std::vector<Run> runs_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_MASKING_H_
