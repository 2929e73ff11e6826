#include "sweep/assignment.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>
#include <string>

#include "core/schedule.h"
#include "sweep/cost.h"

namespace isoflop {
namespace {

struct AssignedChain {
  std::vector<AssignedTrial> trials = {};
  double seconds = 0;
};

std::vector<AssignedChain> chains_of(std::vector<AssignedTrial> trials) {
  std::vector<AssignedChain> chains;
  std::map<std::string, std::size_t> of_trunk;
  for (AssignedTrial& trial : trials) {
    const std::string trunk = trunk_identity(trial.trial);
    const auto [found, is_new] = of_trunk.try_emplace(trunk, chains.size());
    const std::size_t place = trunk.empty() || is_new ? chains.size() : found->second;
    if (place == chains.size()) chains.emplace_back();
    chains[place].seconds += trial.seconds;
    chains[place].trials.push_back(std::move(trial));
  }
  for (AssignedChain& chain : chains) {
    std::stable_sort(chain.trials.begin(), chain.trials.end(), [](const auto& a, const auto& b) {
      return branch_tokens(a.trial) < branch_tokens(b.trial);
    });
  }
  return chains;
}

// How many tasks.
std::size_t task_count(const std::vector<AssignedChain>& chains, const Packing& packing) {
  double trials = 0, seconds = 0;
  for (const AssignedChain& chain : chains) {
    trials += static_cast<double>(chain.trials.size());
    seconds += chain.seconds;
  }
  double count = 0;
  if (packing.trials_per_task > 0) {
    count = std::ceil(trials / static_cast<double>(packing.trials_per_task));
  }
  if (packing.seconds_per_task > 0) {
    count = std::max(count, std::ceil(seconds / packing.seconds_per_task));
  }
  const auto most = static_cast<double>(chains.size());
  if (count == 0) count = most;
  if (packing.max_tasks > 0) count = std::min(count, static_cast<double>(packing.max_tasks));
  return static_cast<std::size_t>(std::clamp(count, 1.0, most));
}

using TaskChains = std::vector<std::vector<AssignedChain>>;

// Longest first, each to the task with the least to do; the first of several.
TaskChains deal(std::vector<AssignedChain> chains, std::size_t count) {
  std::stable_sort(chains.begin(), chains.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  using Load = std::pair<double, std::size_t>;
  std::priority_queue<Load, std::vector<Load>, std::greater<>> least;
  for (std::size_t i = 0; i < count; ++i) least.emplace(0.0, i);
  TaskChains tasks(count);
  for (AssignedChain& chain : chains) {
    auto [seconds, task] = least.top();
    least.pop();
    // An empty chain's worth still counts as a chain: no task stays without one.
    least.emplace(seconds + std::max(chain.seconds, 1e-9), task);
    tasks[task].push_back(std::move(chain));
  }
  return tasks;
}

}  // namespace

std::vector<AssignedTrial> assigned_trials(std::span<const Claim> claims, double speed) {
  std::vector<PlannedTrial> planned;
  for (const Claim& claim : claims) planned.push_back({.trial = claim.trial});
  const SweepCost cost = cost_of(planned, {.workers = 1, .speed = speed});
  std::vector<AssignedTrial> assigned;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const TrialCost& c = cost.trials[i];
    assigned.push_back({.identity = claims[i].identity,
                        .trial = claims[i].trial,
                        .micro_batch = claims[i].micro_batch,
                        .seconds = c.seconds * (1 - c.given / c.tokens)});
  }
  return assigned;
}

std::vector<Task> make_tasks(std::vector<AssignedTrial> trials, const Packing& packing) {
  if (trials.empty()) return {};
  std::vector<AssignedChain> chains = chains_of(std::move(trials));
  const std::size_t count = task_count(chains, packing);
  std::vector<Task> tasks;
  for (std::vector<AssignedChain>& own : deal(std::move(chains), count)) {
    Task task{.index = static_cast<std::int64_t>(tasks.size())};
    for (auto chain = own.rbegin(); chain != own.rend(); ++chain) {
      task.seconds += chain->seconds;
      std::move(chain->trials.begin(), chain->trials.end(), std::back_inserter(task.trials));
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace isoflop
