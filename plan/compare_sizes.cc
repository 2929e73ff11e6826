#include "plan/compare_sizes.h"

#include <cmath>
#include <fmt/format.h>
#include <map>
#include <vector>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

using SeedsOfSize = std::vector<const Observation*>;

MeasuredSize measured(const SeedsOfSize& seeds) {
  const Observation& first = *seeds.front();
  MeasuredSize size{.params = first.params,
                    .tokens = first.tokens,
                    .flops_6nd = 6 * first.params * first.tokens,
                    .seeds = static_cast<int>(seeds.size())};
  if (const auto exact = first.extra.find("exact_flops"); exact != first.extra.end()) {
    size.flops_exact = exact->second;
  }
  const auto n = static_cast<double>(seeds.size());
  for (const Observation* o : seeds) size.loss += o->loss / n;
  if (seeds.size() < 2) return size;
  double squares = 0;
  for (const Observation* o : seeds) squares += (o->loss - size.loss) * (o->loss - size.loss);
  size.deviation = std::sqrt(squares / (n - 1));
  return size;
}

SizeDuel duel_of(const BudgetDuel& budget, std::size_t index) {
  const MeasuredSize& other = budget.sizes[index];
  const MeasuredSize& best = budget.sizes[budget.best];
  SizeDuel duel{.size = index,
                .difference = other.loss - best.loss,
                .inference_ratio = other.params / best.params};
  if (!other.deviation || !best.deviation) return duel;
  duel.standard_error = std::sqrt(*other.deviation * *other.deviation / other.seeds +
                                  *best.deviation * *best.deviation / best.seeds);
  if (*duel.standard_error > 0) duel.errors = duel.difference / *duel.standard_error;
  return duel;
}

BudgetDuel duel_at(double flops, const std::map<double, SeedsOfSize>& sizes) {
  BudgetDuel budget{.budget = flops};
  for (const auto& [params, seeds] : sizes) {
    budget.sizes.push_back(measured(seeds));
    if (budget.sizes.back().loss < budget.sizes[budget.best].loss) {
      budget.best = budget.sizes.size() - 1;
    }
  }
  for (std::size_t i = 0; i < budget.sizes.size(); ++i) {
    if (i != budget.best) budget.others.push_back(duel_of(budget, i));
  }
  return budget;
}

void warn_of_budget(const BudgetDuel& budget, std::vector<Warning>& warnings) {
  for (const MeasuredSize& size : budget.sizes) {
    if (size.deviation) continue;
    warnings.push_back(
        {"one_seed", fmt::format("{} at {} FLOP has one seed: the noise of seeds is "
                                 "not known",
                                 format_quantity(size.params), format_flops(budget.budget))});
  }
}

}  // namespace

SizeComparison compare_sizes(std::span<const Observation> observations, const std::string& study) {
  std::map<double, std::map<double, SeedsOfSize>> budgets;
  for (const Observation& o : observations) {
    if (o.budget) budgets[*o.budget][o.params].push_back(&o);
  }
  if (budgets.empty()) {
    throw refusal("no_budgets",
                  fmt::format("compare: {}: no finished run has an IsoFLOP budget; run "
                              "a grid of kind \"isoflop\"",
                              study));
  }
  SizeComparison result{.study = study};
  for (const auto& [flops, sizes] : budgets) {
    if (sizes.size() < 2) {
      result.warnings.push_back(
          {"sizes_alone",
           fmt::format("budget {} has one size and is left out", format_flops(flops))});
      continue;
    }
    result.budgets.push_back(duel_at(flops, sizes));
    warn_of_budget(result.budgets.back(), result.warnings);
  }
  if (result.budgets.empty()) {
    throw refusal("one_size", fmt::format("compare: {}: no budget has two sizes: give the grid two "
                                          "params a budget, as examples/chinchilla_vs_gopher.toml",
                                          study));
  }
  return result;
}

}  // namespace isoflop
