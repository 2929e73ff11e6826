#include "model/device_batch.h"

#include <algorithm>

namespace isoflop {
namespace {

constexpr std::int32_t kNothingHere = -1;  // TokenBatch::targets

// P of the header.
std::int64_t places_for(std::int64_t predictions, const TokenBatch& batch,
                        const ModelConfig& config) {
  const std::int64_t usual = predictions_per_window(config) * batch.sequences;
  if (predictions <= usual) return usual;
  const std::int64_t step = std::max<std::int64_t>(1, usual / 8);
  const std::int64_t rounded = (predictions + step - 1) / step * step;
  return std::min(rounded, batch.sequences * batch.length);
}

std::vector<std::int32_t> padded_places(const TokenBatch& batch, const ModelConfig& config) {
  std::vector<std::int32_t> places = predicted_places(batch.targets);
  const auto count = static_cast<std::int64_t>(places.size());
  const std::int64_t size = places_for(count, batch, config);
  if (count == size) return places;
  const auto unused = std::find(batch.targets.begin(), batch.targets.end(), kNothingHere);
  places.resize(static_cast<std::size_t>(size),
                static_cast<std::int32_t>(unused - batch.targets.begin()));
  return places;
}

}  // namespace

std::vector<std::int32_t> predicted_places(const std::vector<std::int32_t>& targets) {
  std::vector<std::int32_t> places;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] != kNothingHere) places.push_back(static_cast<std::int32_t>(i));
  }
  return places;
}

std::vector<std::int32_t> packed(const TokenBatch& batch, const ModelConfig& config) {
  std::vector<std::int32_t> values;
  const auto add = [&](const std::vector<std::int32_t>& part) {
    values.insert(values.end(), part.begin(), part.end());
  };
  add(batch.inputs);
  add(batch.targets);
  if (config.next_sentence) {
    add(batch.segments);
    add(batch.follows);
  }
  if (config.masked()) add(padded_places(batch, config));
  return values;
}

DeviceBatch unpacked(const torch::Tensor& values, std::int64_t sequences, std::int64_t length,
                     const ModelConfig& config) {
  std::int64_t taken = 0;
  const auto take = [&](std::int64_t count) {
    taken += count;
    return values.narrow(0, taken - count, count);
  };
  const auto by_token = [&] { return take(sequences * length).view({sequences, length}); };
  DeviceBatch batch{.inputs = by_token(), .targets = by_token()};
  if (config.next_sentence) {
    batch.segments = by_token();
    batch.follows = take(sequences);
  }
  if (config.masked()) batch.predicted = take(values.numel() - taken);
  return batch;
}

}  // namespace isoflop
