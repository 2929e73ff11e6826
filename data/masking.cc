#include "data/masking.h"

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

constexpr std::int32_t kNotPredicted = -1;

// Fisher and Yates: the first `count` of `items` become a random choice in random order.
template <class Item>
void shuffle_first(std::size_t count, std::vector<Item>& items, SplitMix64& random) {
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(items[i], items[i + static_cast<std::size_t>(random.below(items.size() - i))]);
  }
}

}  // namespace

Masking::Masking(const Trial& trial, std::int64_t vocab, std::optional<WordStarts> words)
    : vocab_(static_cast<std::int32_t>(vocab)),
      mask_(static_cast<std::int32_t>(trial.model.vocab - 1)),
      count_(static_cast<std::size_t>(predictions_per_window(trial.model))),
      replaced_(trial.train.mask_replaced),
      random_(trial.train.mask_random),
      words_(std::move(words)) {}

void Masking::apply(std::span<std::int32_t> inputs, std::span<std::int32_t> targets,
                    SplitMix64& random) {
  chosen_.clear();
  words_ ? choose_words(inputs, random) : choose_tokens(inputs, random);
  std::fill(targets.begin(), targets.end(), kNotPredicted);
  for (const std::size_t place : chosen_) {
    targets[place] = inputs[place];
    inputs[place] = read_instead(inputs[place], random);
  }
}

void Masking::choose_tokens(std::span<const std::int32_t> sequence, SplitMix64& random) {
  places_.clear();
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    if (!is_special(sequence[i])) places_.push_back(i);
  }
  shuffle_first(count_, places_, random);
  chosen_.assign(places_.begin(), places_.begin() + static_cast<std::ptrdiff_t>(count_));
}

void Masking::find_words(std::span<const std::int32_t> sequence) {
  runs_.clear();
  bool in_word = false;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const bool special = is_special(sequence[i]);
    if (!special && (!in_word || (*words_)(sequence[i]))) runs_.push_back({i, i});
    if (!special) runs_.back().end = i + 1;
    in_word = !special;
  }
}

void Masking::choose_words(std::span<const std::int32_t> sequence, SplitMix64& random) {
  find_words(sequence);
  shuffle_first(runs_.size(), runs_, random);
  const Run* passed_over = nullptr;
  for (const Run& word : runs_) {
    if (missing() == 0) return;
    if (word.end - word.begin <= missing()) {
      choose_first(word, word.end - word.begin);
    } else if (passed_over == nullptr) {
      passed_over = &word;
    }
  }
  if (missing() > 0) choose_first(*passed_over, missing());
}

void Masking::choose_first(const Run& word, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) chosen_.push_back(word.begin + i);
}

std::int32_t Masking::read_instead(std::int32_t token, SplitMix64& random) const {
  const double draw = random.uniform();
  if (draw < replaced_) return mask_;
  if (draw >= replaced_ + random_ || vocab_ < 2) return token;
  const auto other =
      static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocab_) - 1));
  return other < token ? other : other + 1;
}

}  // namespace isoflop
