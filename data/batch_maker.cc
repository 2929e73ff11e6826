#include "data/batch_maker.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/hash.h"

namespace isoflop {
namespace {

// Kinds of windows have streams of their own.
constexpr std::uint64_t kTrainMasks = 0x6d61736b;
constexpr std::uint64_t kHeldoutMasks = 0x68656c64;

std::uint64_t stream_of(std::uint64_t kind, std::uint64_t seed, std::int64_t number) {
  return splitmix64(splitmix64(splitmix64(seed) ^ kind) ^ static_cast<std::uint64_t>(number));
}

std::optional<Masking> masking_of(const Trial& trial, const TokenSource& source) {
  if (!trial.model.masked()) return std::nullopt;
  std::optional<WordStarts> words;
  if (trial.train.whole_words) words = source.word_starts();
  return Masking(trial, source.vocab(), std::move(words));
}

void require_two(std::int64_t windows, const std::string& kind) {
  if (windows > 1) return;
  throw refusal("corpus_too_small", "model.next_sentence: the corpus has one " + kind +
                                        " window, and half of the second sentences are another's: "
                                        "prepare a larger corpus, or give a shorter context");
}

}  // namespace

BatchMaker::BatchMaker(const Trial& trial, const TokenSource& source)
    : source_(source),
      model_(trial.model),
      seed_(static_cast<std::uint64_t>(trial.seed)),
      masking_(masking_of(trial, source)) {
  if (!model_.next_sentence) return;
  require_two(source.train_windows(), "training");
  require_two(source.heldout_windows(), "held-out");
  other_.resize(static_cast<std::size_t>(model_.context + 1));
}

void BatchMaker::begin(std::size_t count, TokenBatch& out) {
  const auto length = static_cast<std::size_t>(model_.context);
  windows_.resize(count * (length + 1));
  out.sequences = static_cast<std::int64_t>(count);
  out.length = model_.context;
  out.inputs.resize(count * length);
  out.targets.resize(count * length);
  out.segments.resize(model_.next_sentence ? count * length : 0);
  out.follows.resize(model_.next_sentence ? count : 0);
}

std::span<const std::int32_t> BatchMaker::window(std::size_t row) const {
  const auto length = static_cast<std::size_t>(model_.context + 1);
  return std::span(windows_).subspan(row * length, length);
}

void BatchMaker::train(std::int64_t first, std::int64_t count, TokenBatch& out) {
  begin(static_cast<std::size_t>(count), out);
  source_.train_batch(first, windows_);
  for (std::int64_t i = 0; i < count; ++i) {
    add(static_cast<std::size_t>(i), Part::kTrain, first + i, out);
  }
}

void BatchMaker::heldout(std::span<const std::int64_t> windows, TokenBatch& out) {
  begin(windows.size(), out);
  const auto length = static_cast<std::size_t>(model_.context + 1);
  for (std::size_t row = 0; row < windows.size(); ++row) {
    source_.heldout_window(windows[row], std::span(windows_).subspan(row * length, length));
    add(row, Part::kHeldout, windows[row], out);
  }
}

void BatchMaker::add(std::size_t row, Part part, std::int64_t number, TokenBatch& out) {
  const auto length = static_cast<std::size_t>(model_.context);
  const auto inputs = std::span(out.inputs).subspan(row * length, length);
  const auto targets = std::span(out.targets).subspan(row * length, length);
  const auto tokens = window(row);
  std::copy_n(tokens.begin(), length, inputs.begin());
  if (!masking_) {
    std::copy_n(tokens.begin() + 1, length, targets.begin());
    return;
  }
  SplitMix64 random(part == Part::kTrain ? stream_of(kTrainMasks, seed_, number)
                                         : stream_of(kHeldoutMasks, 0, number));
  if (model_.next_sentence) write_sentences(row, part, number, random, out);
  masking_->apply(inputs, targets, random);
}

void BatchMaker::write_sentences(std::size_t row, Part part, std::int64_t number,
                                 SplitMix64& random, TokenBatch& out) {
  const auto length = static_cast<std::size_t>(model_.context);
  const std::size_t first = (length - 3) / 2, both = length - 3;
  const bool follows = random.below(2) == 1;
  const auto own = window(row);
  const auto second = follows ? own : another(part, number, random);
  const auto vocab = static_cast<std::int32_t>(model_.vocab);
  const std::int32_t cls = vocab - 3, separator = vocab - 2;

  const auto inputs = out.inputs.begin() + static_cast<std::ptrdiff_t>(row * length);
  auto at = inputs;
  *at++ = cls;
  at = std::copy_n(own.begin(), first, at);
  *at++ = separator;
  const auto begins = at - inputs;
  at = std::copy(second.begin() + static_cast<std::ptrdiff_t>(first),
                 second.begin() + static_cast<std::ptrdiff_t>(both), at);
  *at = separator;

  const auto segments = out.segments.begin() + static_cast<std::ptrdiff_t>(row * length);
  std::fill_n(segments, begins, 0);
  std::fill_n(segments + begins, static_cast<std::ptrdiff_t>(length) - begins, 1);
  out.follows[row] = follows ? 1 : 0;
}

std::span<const std::int32_t> BatchMaker::another(Part part, std::int64_t number,
                                                  SplitMix64& random) {
  const std::int64_t windows =
      part == Part::kTrain ? source_.train_windows() : source_.heldout_windows();
  const std::int64_t place = number % windows;
  const auto step =
      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(windows - 1))) + 1;
  const std::int64_t other = number - place + (place + step) % windows;
  if (part == Part::kTrain) {
    source_.train_batch(other, other_);
  } else {
    source_.heldout_window(other, other_);
  }
  return other_;
}

}  // namespace isoflop
