#include "data/mixture_source.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/units.h"
#include "data/mix_corpora.h"

namespace isoflop {
namespace {

std::vector<double> weights_of(const std::vector<CorpusPart>& parts) {
  std::vector<double> weights;
  for (const CorpusPart& part : parts) weights.push_back(part.weight);
  return weights;
}

// Parts of one size would otherwise be seen in step, as in a text and its translation.
std::int64_t part_seed(std::int64_t seed, std::size_t part) {
  return static_cast<std::int64_t>(
      splitmix64(splitmix64(static_cast<std::uint64_t>(seed)) ^ static_cast<std::uint64_t>(part)));
}

// The most windows up to `wanted` that every part can give its share of.
std::int64_t heldout_total(std::int64_t wanted, std::span<const double> weights,
                           std::span<const std::int64_t> available) {
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double most = std::floor(static_cast<double>(available[k]) / weights[k]);
    if (most < static_cast<double>(wanted)) wanted = static_cast<std::int64_t>(most);
  }
  return wanted;
}

[[noreturn]] void refuse_cap(const TextSourceOptions& options, const CorpusPart& part) {
  throw usage_error(
      "data.unique_tokens: " + std::to_string(options.unique_windows * options.context) +
      " tokens have no window of the mixture's part \"" + part.name + "\", which has a share of " +
      exact_number(part.weight) + ": give more tokens, or a shorter model.context");
}

// Floors of the shares, and what is left over to those with the largest remainders.
std::vector<std::int64_t> largest_remainders(std::int64_t total, std::span<const double> weights) {
  std::vector<std::int64_t> counts;
  std::vector<double> remainders;
  for (const double weight : weights) {
    const double share = static_cast<double>(total) * weight;
    counts.push_back(static_cast<std::int64_t>(std::floor(share)));
    remainders.push_back(share - std::floor(share));
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
  const std::int64_t rest = total - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  for (std::int64_t i = 0; i < rest; ++i) ++counts[order[static_cast<std::size_t>(i)]];
  return counts;
}

}  // namespace

std::vector<std::int64_t> share_heldout(std::int64_t wanted, std::span<const double> weights,
                                        std::span<const std::int64_t> available) {
  const std::int64_t total = heldout_total(wanted, weights, available);
  const auto parts = static_cast<std::int64_t>(weights.size());
  if (total < parts) {
    throw refusal("heldout_too_small",
                  "mixture: " + std::to_string(total) + " held-out windows for " +
                      std::to_string(parts) +
                      " parts: each needs one: raise eval_windows, hold out more of the smallest "
                      "part, or leave parts out");
  }
  auto counts = largest_remainders(total, weights);
  for (std::int64_t& count : counts) {
    if (count > 0) continue;
    --*std::max_element(counts.begin(), counts.end());
    count = 1;
  }
  return counts;
}

MixtureSource::MixtureSource(const std::string& mixture_dir, const CorpusManifest& manifest,
                             const TextSourceOptions& options, const ReadManifest& read_manifest)
    : named_(manifest.parts), context_(options.context), interleave_(weights_of(named_)) {
  open_parts(mixture_dir, options, read_manifest);
  std::vector<std::int64_t> train, heldout;
  for (const auto& part : parts_) {
    train.push_back(part->train_windows());
    heldout.push_back(part->heldout_windows());
  }
  train_windows_ = interleave_.windows_within(train);
  first_heldout_.push_back(0);
  for (const std::int64_t count :
       share_heldout(options.heldout_windows, weights_of(named_), heldout)) {
    first_heldout_.push_back(first_heldout_.back() + count);
  }
}

void MixtureSource::open_parts(const std::string& mixture_dir, const TextSourceOptions& options,
                               const ReadManifest& read_manifest) {
  const auto unique = interleave_.counts(options.unique_windows);
  for (std::size_t k = 0; k < named_.size(); ++k) {
    if (options.unique_windows > 0 && unique[k] == 0) refuse_cap(options, named_[k]);
    const CorpusManifest manifest = read_part(mixture_dir, named_[k], read_manifest);
    parts_.push_back(std::make_unique<TextSource>(
        part_dir(mixture_dir, named_[k]), manifest,
        TextSourceOptions{.context = options.context,
                          .order_seed = part_seed(options.order_seed, k),
                          .unique_windows = unique[k],
                          .heldout_windows = std::numeric_limits<std::int64_t>::max()}));
  }
}

void MixtureSource::train_batch(std::int64_t first, std::span<std::int32_t> tokens) const {
  check_train_window(first);
  const auto length = static_cast<std::size_t>(context_ + 1);
  for (std::size_t at = 0; at + length <= tokens.size(); at += length) {
    const auto [part, ordinal] = interleave_.at(first++);
    parts_[part]->train_batch(ordinal, tokens.subspan(at, length));
  }
}

Passes MixtureSource::passes(std::int64_t windows) const {
  const auto counts = interleave_.counts(windows);
  Passes all;
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const Passes part = parts_[k]->passes(counts[k]);
    all.unique_tokens += part.unique_tokens;
    all.epochs = std::max(all.epochs, part.epochs);
  }
  return all;
}

void MixtureSource::heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const {
  check_heldout_window(i, heldout_windows());
  const auto after = std::upper_bound(first_heldout_.begin(), first_heldout_.end(), i);
  const auto part = static_cast<std::size_t>(after - first_heldout_.begin() - 1);
  const std::int64_t count = first_heldout_[part + 1] - first_heldout_[part];
  const TextSource& source = *parts_[part];
  const std::int64_t place = i - first_heldout_[part];
  // The middle of one of `count` equal parts, as in TextSource.
  source.heldout_window((2 * place + 1) * source.heldout_windows() / (2 * count), tokens);
}

std::vector<HeldoutSet> MixtureSource::heldout_sets() const {
  auto sets = TokenSource::heldout_sets();
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    sets.push_back({.name = "heldout:" + named_[k].name,
                    .first = first_heldout_[k],
                    .count = first_heldout_[k + 1] - first_heldout_[k],
                    .bytes_per_token = parts_[k]->bytes_per_token()});
  }
  return sets;
}

std::optional<double> MixtureSource::bytes_per_token() const {
  double bytes = 0;
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const auto part = parts_[k]->bytes_per_token();
    if (!part) return std::nullopt;
    bytes += *part * static_cast<double>(first_heldout_[k + 1] - first_heldout_[k]);
  }
  return bytes / static_cast<double>(heldout_windows());
}

}  // namespace isoflop
