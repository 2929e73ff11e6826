#include "trainer/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace isoflop {
namespace {

constexpr std::int64_t kWindowsAtOnce = 16;

struct MeanAndError {
  double mean = 0;
  double error = 0;
};

MeanAndError mean_and_error(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0.0};
}

// Mean cross-entropy of each window, [count] in double.
std::vector<double> window_losses(DecoderImpl& model, const TokenBatch& batch) {
  const auto logits = model.forward(batch.inputs);  // [B, T, V]
  const auto losses = torch::cross_entropy_loss(logits.flatten(0, 1), batch.targets.flatten(), {},
                                                at::Reduction::None)
                          .view(batch.targets.sizes())
                          .to(torch::kFloat64)
                          .mean(1)
                          .cpu();
  const auto* first = losses.data_ptr<double>();
  return {first, first + losses.numel()};
}

double mean_true_loss(const TokenSource& source, std::int64_t window,
                      std::vector<double>& scratch) {
  source.heldout_true_log_probs(window, scratch);
  return -std::accumulate(scratch.begin(), scratch.end(), 0.0) /
         static_cast<double>(scratch.size());
}

}  // namespace

TokenBatch to_batch(std::span<std::int32_t> windows, std::int64_t context, torch::Device device) {
  const auto count = static_cast<std::int64_t>(windows.size()) / (context + 1);
  const auto tokens = torch::from_blob(windows.data(), {count, context + 1}, torch::kInt32)
                          .to(device, torch::kInt64, /*non_blocking=*/false, /*copy=*/true);
  return {tokens.slice(1, 0, context), tokens.slice(1, 1, context + 1)};
}

Evaluation evaluate(DecoderImpl& model, const TokenSource& source, std::int64_t windows,
                    torch::Device device) {
  torch::InferenceMode inference;
  const std::int64_t context = source.context();
  const std::int64_t available = source.heldout_windows();
  const std::int64_t count = std::min(windows, available);
  const bool known_law = source.entropy_rate().has_value();

  // The i-th of `count` windows spread evenly over the held-out set.
  const auto window_at = [&](std::int64_t i) { return i * available / count; };

  std::vector<double> losses, excesses, scratch(static_cast<size_t>(context));
  std::vector<std::int32_t> tokens;
  for (std::int64_t first = 0; first < count; first += kWindowsAtOnce) {
    const std::int64_t now = std::min(kWindowsAtOnce, count - first);
    tokens.resize(static_cast<size_t>(now * (context + 1)));
    for (std::int64_t i = 0; i < now; ++i) {
      const auto at = static_cast<size_t>(i * (context + 1));
      source.heldout_window(window_at(first + i),
                            std::span(tokens).subspan(at, static_cast<size_t>(context + 1)));
    }
    const auto some = window_losses(model, to_batch(tokens, context, device));
    for (std::int64_t i = 0; i < now && known_law; ++i) {
      excesses.push_back(some[static_cast<size_t>(i)] -
                         mean_true_loss(source, window_at(first + i), scratch));
    }
    losses.insert(losses.end(), some.begin(), some.end());
  }

  const MeanAndError loss = mean_and_error(losses);
  Evaluation evaluation{.loss = loss.mean,
                        .standard_error = loss.error,
                        .tokens = static_cast<double>(count * context)};
  if (const auto bytes = source.bytes_per_token()) {
    evaluation.bits_per_byte = loss.mean / std::numbers::ln2 / *bytes;
  }
  if (known_law) {
    const MeanAndError excess = mean_and_error(excesses);
    evaluation.excess = excess.mean;
    evaluation.excess_error = excess.error;
  }
  return evaluation;
}

}  // namespace isoflop
