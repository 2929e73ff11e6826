#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "fit/isoflop_profiles.h"

namespace isoflop {
namespace {

std::vector<BudgetGroup> planned_groups(std::span<const Observation> rows) {
  std::map<double, std::vector<std::size_t>> by_budget;
  for (std::size_t i = 0; i < rows.size(); ++i) by_budget[*rows[i].budget].push_back(i);
  std::vector<BudgetGroup> groups;
  for (auto& [budget, members] : by_budget) {
    groups.push_back({.budget = budget, .rows = std::move(members)});
  }
  return groups;
}

std::vector<BudgetGroup> chained_groups(std::span<const Observation> rows, double chain_gap) {
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto i, auto j) { return rows[i].flops < rows[j].flops; });
  std::vector<BudgetGroup> groups;
  double last = 0;
  for (const std::size_t i : order) {
    const double log_flops = std::log(rows[i].flops);
    if (groups.empty() || log_flops - last > chain_gap) groups.push_back({});
    BudgetGroup& group = groups.back();
    group.budget += log_flops;  // a sum of logarithms until all rows are in
    group.rows.push_back(i);
    last = log_flops;
  }
  for (BudgetGroup& group : groups) {
    group.budget = std::exp(group.budget / static_cast<double>(group.rows.size()));
    std::sort(group.rows.begin(), group.rows.end());
  }
  return groups;
}

}  // namespace

std::vector<BudgetGroup> group_by_budget(std::span<const Observation> observations,
                                         double chain_gap) {
  const bool planned = std::all_of(observations.begin(), observations.end(),
                                   [](const auto& row) { return row.budget.has_value(); });
  std::vector<BudgetGroup> groups =
      planned ? planned_groups(observations) : chained_groups(observations, chain_gap);
  std::sort(groups.begin(), groups.end(),
            [](const auto& a, const auto& b) { return a.budget < b.budget; });
  return groups;
}

}  // namespace isoflop
