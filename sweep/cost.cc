#include "sweep/cost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <queue>

namespace isoflop {
namespace {

constexpr double kProgramBytes = 300e6;
constexpr double kTabularSeconds = 0.01;

struct Speed {
  double width;
  double flops;  // FLOP/s of one core, counted exactly
};
constexpr std::array<Speed, 5> kSpeeds{
    {{16, 7.5e9}, {32, 11.5e9}, {48, 19e9}, {64, 27e9}, {128, 41e9}}};

double activation_bytes(const Trial& trial) {
  const ModelConfig& m = trial.model;
  const double matrices = m.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  const double per_layer =
      8.0 * static_cast<double>(m.width) + 4.0 * static_cast<double>(m.heads * m.head_size) +
      matrices * static_cast<double>(m.hidden) + 2.0 * static_cast<double>(m.heads * m.context);
  const double per_token = static_cast<double>(m.layers) * per_layer +
                           4.0 * static_cast<double>(m.width) + 3.0 * static_cast<double>(m.vocab);
  return 4.0 * static_cast<double>(trial.train.batch * m.context) * per_token;
}

double core_seconds(const Trial& trial) {
  if (trial.trainer == "tabular") return kTabularSeconds;
  return total_flops(trial, FlopConvention::kExact) / sustained_flops(trial.model.width);
}

double largest_sum(std::vector<double> values, int count) {
  const auto taken = std::min(values.size(), static_cast<size_t>(std::max(count, 0)));
  std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(taken),
                    values.end(), std::greater<>());
  double sum = 0;
  for (size_t i = 0; i < taken; ++i) sum += values[i];
  return sum;
}

}  // namespace

double sustained_flops(std::int64_t width) {
  const double w = static_cast<double>(width);
  if (w <= kSpeeds.front().width) return kSpeeds.front().flops * w / kSpeeds.front().width;
  for (size_t i = 1; i < kSpeeds.size(); ++i) {
    const Speed& low = kSpeeds[i - 1];
    const Speed& high = kSpeeds[i];
    if (w > high.width) continue;
    const double t = std::log(w / low.width) / std::log(high.width / low.width);
    return low.flops + t * (high.flops - low.flops);
  }
  return kSpeeds.back().flops;
}

double memory_bytes(const Trial& trial) {
  if (trial.trainer == "tabular") return kProgramBytes;
  return kProgramBytes + 16.0 * params_of(trial) + activation_bytes(trial);
}

TrialCost cost_of(const Trial& trial, double speed) {
  const auto batch_tokens = static_cast<double>(trial.train.batch * trial.model.context);
  return {.params = params_of(trial),
          .tokens = trial.train.tokens,
          .steps = std::llround(trial.train.tokens / batch_tokens),
          .flops_6nd = total_flops(trial, FlopConvention::k6nd),
          .flops_exact = total_flops(trial, FlopConvention::kExact),
          .memory_bytes = memory_bytes(trial),
          .seconds = core_seconds(trial) / speed};
}

SweepCost cost_of(std::span<const PlannedTrial> trials, const CostOptions& options) {
  SweepCost cost{.workers = std::max(options.workers, 1)};
  std::vector<double> seconds;
  std::vector<double> memory;
  for (const PlannedTrial& planned : trials) {
    const TrialCost one = cost_of(planned.trial, options.speed);
    cost.flops_6nd += one.flops_6nd;
    cost.flops_exact += one.flops_exact;
    cost.core_seconds += one.seconds;
    seconds.push_back(one.seconds);
    memory.push_back(one.memory_bytes);
    cost.trials.push_back(one);
  }
  cost.seconds = longest_first_makespan(std::move(seconds), cost.workers);
  cost.memory_bytes = largest_sum(std::move(memory), cost.workers);
  return cost;
}

double longest_first_makespan(std::vector<double> seconds, int workers) {
  std::sort(seconds.begin(), seconds.end(), std::greater<>());
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < std::max(workers, 1); ++i) free_at.push(0);
  double end = 0;
  for (const double job : seconds) {
    const double ends = free_at.top() + job;
    free_at.pop();
    free_at.push(ends);
    end = std::max(end, ends);
  }
  return end;
}

}  // namespace isoflop
