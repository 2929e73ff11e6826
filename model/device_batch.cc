#include "model/device_batch.h"

namespace isoflop {
namespace {

constexpr std::int32_t kNothingHere = -1;  // TokenBatch::targets

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
  if (config.masked()) add(predicted_places(batch.targets));
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
