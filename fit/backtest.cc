#include "fit/backtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "fit/check_observations.h"
#include "fit/isoflop_profiles.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr std::size_t kBudgetRows = 3;
constexpr std::size_t kBudgets = 3;
constexpr double kHiddenShare = 0.2;  // of rows, where there are no budgets

// The lowest C to hide.
double hidden_from(std::span<const Observation> rows, const std::vector<BudgetGroup>& groups) {
  std::size_t budgets = 0;
  std::size_t in_budgets = 0;
  double lowest_flops = std::numeric_limits<double>::infinity();
  for (const BudgetGroup& group : groups) {
    if (group.rows.size() < kBudgetRows) continue;
    ++budgets;
    in_budgets += group.rows.size();
    lowest_flops = std::numeric_limits<double>::infinity();
    for (const std::size_t i : group.rows) lowest_flops = std::min(lowest_flops, rows[i].flops);
  }
  // Budgets are the plan of a table only when most of its rows are in them.
  if (budgets >= kBudgets && 5 * in_budgets >= 4 * rows.size()) return lowest_flops;
  std::vector<double> flops;
  for (const Observation& row : rows) flops.push_back(row.flops);
  std::sort(flops.begin(), flops.end());
  const auto hidden = static_cast<std::size_t>(
      std::max(1.0, std::floor(kHiddenShare * static_cast<double>(flops.size()))));
  return flops[flops.size() - hidden];
}

bool can_be_fitted(std::span<const Observation> rows) {
  try {
    check_observations(rows, "backtest", FlopsPerToken::six_n());
    return true;
  } catch (const Error&) {
    return false;
  }
}

Backtest compare(const LawParameters& law, std::span<const Observation> hidden) {
  Backtest out;
  out.hidden = static_cast<int>(hidden.size());
  out.budget = hidden.front().flops;
  double lowest_loss = std::numeric_limits<double>::infinity();
  for (const Observation& row : hidden) {
    const double error = predict_loss(law, row.params, row.tokens) / row.loss - 1;
    out.budget = std::min(out.budget, row.flops);
    out.mean_error += error / static_cast<double>(hidden.size());
    if (std::abs(error) > std::abs(out.max_error)) out.max_error = error;
    if (row.loss < lowest_loss) {
      lowest_loss = row.loss;
      out.best_error = error;
    }
  }
  return out;
}

}  // namespace

std::optional<Backtest> backtest(std::span<const Observation> observations,
                                 const ParametricOptions& options) {
  if (observations.empty()) return std::nullopt;
  const double from = hidden_from(observations, group_by_budget(observations));
  std::vector<Observation> kept;
  std::vector<Observation> hidden;
  for (const Observation& row : observations) (row.flops < from ? kept : hidden).push_back(row);
  if (!can_be_fitted(kept)) return std::nullopt;
  const ParametricFit fit = fit_parametric(kept, options);
  if (!fit.usable()) return std::nullopt;
  Backtest out = compare(fit.parameters, hidden);
  out.fitted = static_cast<int>(kept.size());
  return out;
}

}  // namespace isoflop
