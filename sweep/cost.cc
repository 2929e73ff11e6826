#include "sweep/cost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "core/schedule.h"
#include "sweep/makespan.h"

namespace isoflop {
namespace {

constexpr double kProgramBytes = 300e6;
constexpr double kTabularSeconds = 0.01;

struct Speed {
  double width;
  double flops;  // FLOP/s of one core, counted exactly
};
constexpr std::array<Speed, 3> kSpeeds{{{16, 70e9}, {32, 75e9}, {48, 80e9}}};

// Numbers that a token leaves behind in one feed-forward, or in its experts and their router.
double feed_forward_numbers(const ModelConfig& m) {
  const double matrices = m.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  if (!m.sparse()) return matrices * static_cast<double>(m.hidden);
  return static_cast<double>(m.experts_per_token + m.shared_experts) *
             (matrices * static_cast<double>(m.expert_width()) +
              2.0 * static_cast<double>(m.width)) +
         3.0 * static_cast<double>(m.experts);
}

double activation_bytes(const Trial& trial) {
  const ModelConfig& m = trial.model;
  const double per_layer = 8.0 * static_cast<double>(m.width) +
                           4.0 * static_cast<double>(m.heads * m.head_size) +
                           feed_forward_numbers(m) + 2.0 * static_cast<double>(m.heads * m.context);
  const double predicted =
      static_cast<double>(predictions_per_window(m)) / static_cast<double>(m.context);
  const double per_token = static_cast<double>(m.layers) * per_layer +
                           4.0 * static_cast<double>(m.width) +
                           3.0 * predicted * static_cast<double>(m.vocab);
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

// Indices of the trials of each trunk in the order of their branches; a trial without one is alone.
std::vector<std::vector<size_t>> trunks_of(std::span<const PlannedTrial> trials) {
  std::vector<std::vector<size_t>> groups;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < trials.size(); ++i) {
    const std::string trunk = trunk_identity(trials[i].trial);
    const auto [group, is_new] = known.emplace(trunk, groups.size());
    if (is_new || trunk.empty()) {
      group->second = groups.size();
      groups.emplace_back();
    }
    groups[group->second].push_back(i);
  }
  for (auto& group : groups) {
    std::stable_sort(group.begin(), group.end(), [&](size_t a, size_t b) {
      return branch_tokens(trials[a].trial) < branch_tokens(trials[b].trial);
    });
  }
  return groups;
}

// Notes in `costs` what each is given by the one before it.
Chain chain_of(std::span<const PlannedTrial> trials, const std::vector<size_t>& members,
               std::vector<TrialCost>& costs) {
  Chain chain;
  double given = 0;
  for (const size_t i : members) {
    TrialCost& cost = costs[i];
    const double branch = branch_tokens(trials[i].trial);
    const double per_token = cost.seconds / cost.tokens;
    cost.given = given;
    chain.push_back(
        {.hold = per_token * (branch - given), .seconds = per_token * (cost.tokens - given)});
    given = branch;
  }
  return chain;
}

void add(SweepCost& cost, const TrialCost& one) {
  const double spent = 1 - one.given / one.tokens;
  cost.flops_6nd += spent * one.flops_6nd;
  cost.flops_exact += spent * one.flops_exact;
  cost.flops_6nd_alone += one.flops_6nd;
  cost.flops_exact_alone += one.flops_exact;
  cost.core_seconds += spent * one.seconds;
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
          .active_params = active_params_of(trial),
          .tokens = trial.train.tokens,
          .steps = std::llround(trial.train.tokens / batch_tokens),
          .flops_6nd = total_flops(trial, FlopConvention::k6nd),
          .flops_exact = total_flops(trial, FlopConvention::kExact),
          .memory_bytes = memory_bytes(trial),
          .seconds = core_seconds(trial) / speed};
}

SweepCost cost_of(std::span<const PlannedTrial> trials, const CostOptions& options) {
  SweepCost cost{.workers = std::max(options.workers, 1)};
  std::vector<double> memory;
  for (const PlannedTrial& planned : trials) {
    cost.trials.push_back(cost_of(planned.trial, options.speed));
    memory.push_back(cost.trials.back().memory_bytes);
  }
  std::vector<Chain> chains;
  for (const std::vector<size_t>& members : trunks_of(trials)) {
    chains.push_back(chain_of(trials, members, cost.trials));
    cost.trunks += members.size() > 1 ? 1 : 0;
  }
  for (const TrialCost& one : cost.trials) add(cost, one);
  cost.seconds = makespan(std::move(chains), cost.workers);
  cost.memory_bytes = largest_sum(std::move(memory), cost.workers);
  return cost;
}

}  // namespace isoflop
