#include "data/text_source.h"

#include <algorithm>

#include "core/error.h"

namespace isoflop {
namespace {

// Windows of `tokens` consecutive tokens.
std::int64_t windows_in(std::int64_t tokens, std::int64_t context) {
  return (tokens - 1) / context;
}

std::int64_t windows_to_train(const BlockSplit& split, std::int64_t context) {
  const auto full = static_cast<std::int64_t>(split.train.size()) - 1;
  const std::int64_t windows = full * windows_in(split.block_tokens, context) +
                               windows_in(split.tokens_of(split.train.back()), context);
  if (windows > 0) return windows;
  throw refusal("corpus_too_small",
                "corpus: no training window of " + std::to_string(context) +
                    " predictions is left beside the held-out blocks: hold out a smaller fraction");
}

std::int64_t checked_context(const CorpusManifest& manifest, std::int64_t context) {
  if (context >= 1 && context < manifest.block_tokens) return context;
  throw refusal("corpus_too_small",
                "corpus " + manifest.name + ": context " + std::to_string(context) +
                    ": a window of context + 1 tokens does not fit in a block of " +
                    std::to_string(manifest.block_tokens) +
                    ": choose a shorter context, or prepare the corpus with larger blocks");
}

CorpusManifest tokenizer_alone(const CorpusManifest& manifest) {
  CorpusManifest only;
  only.name = manifest.name;
  only.tokenizer = manifest.tokenizer;
  only.tokenizer_file = manifest.tokenizer_file;
  only.tokenizer_sha256 = manifest.tokenizer_sha256;
  return only;
}

}  // namespace

TextSource::TextSource(const std::string& corpus_dir, const CorpusManifest& manifest,
                       const TextSourceOptions& options)
    : file_(corpus_dir, manifest),
      corpus_dir_(corpus_dir),
      tokenizer_(tokenizer_alone(manifest)),
      split_(split_blocks(manifest.tokens, manifest.block_tokens, manifest.split_seed,
                          manifest.heldout_fraction)),
      vocab_(manifest.vocab),
      context_(checked_context(manifest, options.context)),
      block_windows_(windows_in(manifest.block_tokens, context_)),
      all_heldout_windows_(static_cast<std::int64_t>(split_.heldout.size()) * block_windows_),
      heldout_windows_(std::min(options.heldout_windows, all_heldout_windows_)),
      bytes_per_token_(manifest.bytes_per_token()),
      order_(windows_to_train(split_, context_), options.unique_windows,
             static_cast<std::uint64_t>(options.order_seed)) {}

std::int64_t TextSource::train_window_start(std::int64_t ordinal) const {
  check_train_window(ordinal);
  const std::int64_t window = order_(ordinal);
  const auto block = static_cast<size_t>(window / block_windows_);
  return split_.train[block] * split_.block_tokens + window % block_windows_ * context_;
}

std::int64_t TextSource::heldout_window_start(std::int64_t i) const {
  check_heldout_window(i, heldout_windows_);
  // The middle of the i-th of heldout_windows_ equal parts.
  const std::int64_t window = (2 * i + 1) * all_heldout_windows_ / (2 * heldout_windows_);
  const auto block = static_cast<size_t>(window / block_windows_);
  return split_.heldout[block] * split_.block_tokens + window % block_windows_ * context_;
}

void TextSource::train_batch(std::int64_t first, std::span<std::int32_t> tokens) const {
  const auto length = static_cast<size_t>(context_ + 1);
  for (size_t at = 0; at + length <= tokens.size(); at += length) {
    file_.read(train_window_start(first++), tokens.subspan(at, length));
  }
}

void TextSource::heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const {
  file_.read(heldout_window_start(i), tokens.first(static_cast<size_t>(context_ + 1)));
}

}  // namespace isoflop
