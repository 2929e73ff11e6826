#include "core/token_batch.h"

#include <string>

#include "core/error.h"

namespace isoflop {

TokenBatch next_token_batch(std::span<const std::int32_t> windows, std::int64_t length) {
  const auto row = static_cast<std::size_t>(length + 1);
  if (length < 1 || windows.size() % row != 0) {
    throw usage_error("windows: " + std::to_string(windows.size()) +
                      " tokens are not whole windows of " + std::to_string(row) +
                      ": give context + 1 tokens for each");
  }
  TokenBatch batch;
  batch.sequences = static_cast<std::int64_t>(windows.size() / row);
  batch.length = length;
  for (std::size_t begin = 0; begin < windows.size(); begin += row) {
    const auto window = windows.subspan(begin, row);
    batch.inputs.insert(batch.inputs.end(), window.begin(), window.end() - 1);
    batch.targets.insert(batch.targets.end(), window.begin() + 1, window.end());
  }
  return batch;
}

}  // namespace isoflop
