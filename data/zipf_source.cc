#include "data/zipf_source.h"

#include <vector>

#include "core/error.h"
#include "core/hash.h"

namespace isoflop {
namespace {

constexpr std::uint64_t kTrainStream = 1;
constexpr std::uint64_t kHeldoutStream = 2;
constexpr std::uint64_t kRepeatedStream = 3;
constexpr std::int64_t kEndless = std::int64_t{1} << 40;

std::uint64_t window_seed(std::uint64_t stream, std::int64_t seed, std::int64_t window) {
  const std::uint64_t base = splitmix64(splitmix64(stream) ^ static_cast<std::uint64_t>(seed));
  return splitmix64(base + static_cast<std::uint64_t>(window));
}

}  // namespace

ZipfSource::ZipfSource(const DataSpec& data, const ZipfSourceOptions& options)
    : facts_(data), options_(options), entropy_rate_(facts_.entropy_rate(options.context)) {
  if (options.context < 1) {
    throw usage_error("Zipf facts: context " + std::to_string(options.context) +
                      " predicts nothing: give at least 1");
  }
  if (options.unique_windows > 0) {
    repeated_.emplace(options.unique_windows, 0, static_cast<std::uint64_t>(options.order_seed));
  }
}

std::int64_t ZipfSource::train_windows() const { return repeated_ ? repeated_->size() : kEndless; }

Passes ZipfSource::passes(std::int64_t windows) const {
  if (repeated_) return TokenSource::passes(windows);
  return {.unique_tokens = static_cast<double>(windows * context()), .epochs = 0};
}

std::uint64_t ZipfSource::train_seed(std::int64_t i) const {
  return repeated_ ? window_seed(kRepeatedStream, facts_.spec().zipf_seed, (*repeated_)(i))
                   : window_seed(kTrainStream, options_.order_seed, i);
}

void ZipfSource::train_batch(std::int64_t first, std::span<std::int32_t> tokens) const {
  const auto length = static_cast<size_t>(options_.context + 1);
  for (size_t at = 0; at + length <= tokens.size(); at += length) {
    check_train_window(first);
    facts_.sample(train_seed(first++), tokens.subspan(at, length));
  }
}

void ZipfSource::heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const {
  check_heldout_window(i, heldout_windows());
  facts_.sample(window_seed(kHeldoutStream, facts_.spec().zipf_seed, i),
                tokens.first(static_cast<size_t>(options_.context + 1)));
}

bool ZipfSource::heldout_true_log_probs(std::int64_t i, std::span<double> out) const {
  std::vector<std::int32_t> tokens(static_cast<size_t>(options_.context + 1));
  heldout_window(i, tokens);
  facts_.log_probs(tokens, out);
  return true;
}

}  // namespace isoflop
