#include "fit/backtest.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "core/units.h"
#include "fit/bootstrap.h"
#include "fit/check_observations.h"
#include "fit/isoflop_profiles.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr std::size_t kBudgetRows = 3;
constexpr std::size_t kBudgets = 3;
constexpr double kHiddenShare = 0.2;  // of rows, where there are no budgets

// The lowest C of the top share of the rows.
double top_share(std::span<const Observation> rows, double share) {
  std::vector<double> flops;
  for (const Observation& row : rows) flops.push_back(row.flops);
  std::sort(flops.begin(), flops.end());
  const auto hidden = static_cast<std::size_t>(
      std::max(1.0, std::floor(share * static_cast<double>(flops.size()))));
  return flops[flops.size() - hidden];
}

// The lowest C of the largest budget, or else of the top fifth.
double usual_part(std::span<const Observation> rows) {
  std::size_t budgets = 0;
  std::size_t in_budgets = 0;
  double lowest_flops = std::numeric_limits<double>::infinity();
  for (const BudgetGroup& group : group_by_budget(rows)) {
    if (group.rows.size() < kBudgetRows) continue;
    ++budgets;
    in_budgets += group.rows.size();
    lowest_flops = std::numeric_limits<double>::infinity();
    for (const std::size_t i : group.rows) lowest_flops = std::min(lowest_flops, rows[i].flops);
  }
  // Budgets are the plan of a table only when most of its rows are in them.
  if (budgets >= kBudgets && 5 * in_budgets >= 4 * rows.size()) return lowest_flops;
  return top_share(rows, kHiddenShare);
}

double hidden_from(std::span<const Observation> rows, const BacktestOptions& hiding) {
  if (hiding.budget > 0) return hiding.budget;
  if (hiding.fraction == 0) return usual_part(rows);
  if (!(hiding.fraction > 0 && hiding.fraction < 1)) {
    throw usage_error(
        fmt::format("backtest: fraction {}: must lie between 0 and 1; 0.2 hides the "
                    "fifth of the runs with the most compute",
                    hiding.fraction));
  }
  return top_share(rows, hiding.fraction);
}

void check_budget(const Holdout& parts, const BacktestOptions& hiding) {
  if (hiding.budget <= 0 || (!parts.kept.empty() && !parts.hidden.empty())) return;
  throw usage_error(fmt::format(
      "backtest: {} FLOP: {} of the runs have as much: nothing is left to {}; give a budget within "
      "the range of the runs",
      format_flops(hiding.budget), parts.hidden.empty() ? "none" : "all",
      parts.hidden.empty() ? "predict" : "fit"));
}

HiddenRow predicted_row(const LawParameters& law, const Observation& row) {
  return {.row = row.row,
          .params = row.params,
          .tokens = row.tokens,
          .flops = row.flops,
          .loss = row.loss,
          .predicted = {.value = predict_loss(law, row.params, row.tokens)}};
}

void summarise_hidden(Backtest& out) {
  out.hidden = static_cast<int>(out.rows.size());
  out.budget = out.rows.front().flops;
  double lowest_loss = std::numeric_limits<double>::infinity();
  for (const HiddenRow& row : out.rows) {
    const double error = row.predicted.value / row.loss - 1;
    out.mean_error += error / static_cast<double>(out.rows.size());
    if (std::abs(error) > std::abs(out.max_error)) out.max_error = error;
    if (row.loss < lowest_loss) {
      lowest_loss = row.loss;
      out.best_error = error;
    }
  }
}

// A draw of a measured loss: a refitted law, and the scatter of one of the rows that were fitted.
void add_intervals(const Holdout& parts, const ParametricFit& fit, const ParametricOptions& options,
                   const BacktestOptions& hiding, Backtest& out) {
  const Bootstrap drawn = bootstrap(parts.kept, fit,
                                    {.draws = hiding.draws,
                                     .seed = hiding.seed,
                                     .threads = options.threads,
                                     .huber_delta = options.huber_delta});
  SplitMix64 random(splitmix64(hiding.seed + 1));
  out.level = hiding.level;
  for (HiddenRow& row : out.rows) {
    std::vector<double> losses;
    for (const LawParameters& law : drawn.draws) {
      const Observation& other = parts.kept[random.below(parts.kept.size())];
      const double scatter = other.loss / predict_loss(fit.parameters, other.params, other.tokens);
      losses.push_back(predict_loss(law, row.params, row.tokens) * scatter);
    }
    row.predicted = interval_over(row.predicted.value, std::move(losses), hiding.level);
    if (*row.predicted.low <= row.loss && row.loss <= *row.predicted.high) ++out.inside;
  }
}

}  // namespace

Holdout hold_out(std::span<const Observation> observations, const BacktestOptions& hiding) {
  Holdout parts;
  if (observations.empty()) return parts;
  const double from = hidden_from(observations, hiding);
  for (const Observation& row : observations) {
    (row.flops < from ? parts.kept : parts.hidden).push_back(row);
  }
  check_budget(parts, hiding);
  for (std::vector<Observation>* part : {&parts.kept, &parts.hidden}) {
    std::stable_sort(part->begin(), part->end(),
                     [](const Observation& a, const Observation& b) { return a.flops < b.flops; });
  }
  return parts;
}

std::optional<Backtest> backtest(std::span<const Observation> observations,
                                 const ParametricOptions& options, const BacktestOptions& hiding) {
  const Holdout parts = hold_out(observations, hiding);
  if (parts.kept.empty() || !can_be_fitted(parts.kept)) return std::nullopt;
  const ParametricFit fit = fit_parametric(parts.kept, options);
  if (!fit.usable()) return std::nullopt;
  Backtest out;
  out.fitted = static_cast<int>(parts.kept.size());
  for (const Observation& row : parts.hidden) {
    out.rows.push_back(predicted_row(fit.parameters, row));
  }
  summarise_hidden(out);
  if (hiding.draws > 0) add_intervals(parts, fit, options, hiding, out);
  return out;
}

}  // namespace isoflop
