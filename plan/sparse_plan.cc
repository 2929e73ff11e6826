#include "plan/sparse_plan.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/error.h"
#include "core/interval.h"
#include "core/units.h"
#include "law/presets.h"
#include "plan/allocation.h"

namespace isoflop {
namespace {

constexpr double kMostExperts = 64;  // of the list where neither the user nor the fit says more

// One number of experts: its surface, those of the draws, and what it weighs.
struct Family {
  double experts = 1;
  bool dense = false;
  LossSurface surface;
  std::vector<LossSurface> draws;
  double total_ratio = 1;  // all parameters over active ones
};

struct Table {
  ExpertsTable answer;
  std::vector<std::vector<double>> drawn_losses;  // a family, a draw
};

void check_sparse_request(const LawFit& fit, const SparseRequest& request) {
  const auto check = [](const char* what, double value) {
    if (value > 0 && std::isfinite(value)) return;
    throw usage_error(fmt::format("plan: {}: {}: must be positive and finite", what, value));
  };
  check("--flops", request.flops);
  check("--bytes-per-param", request.bytes_per_param);
  if (request.memory_bytes) check("--memory", *request.memory_bytes);
  for (const double experts : request.experts) {
    if (experts >= 1 && std::isfinite(experts)) continue;
    throw usage_error(fmt::format("plan: --experts: {}: must be at least 1 (dense)", experts));
  }
  if (is_sparse_law(fit)) return;
  throw usage_error(
      fmt::format("plan: {} knows nothing of experts: fit a law that does (isoflop fit --law "
                  "ludziejewski), or take --law ludziejewski2025",
                  fit.law));
}

// Krajewski et al. fitted dense models apart from those of 64 experts.
const LawFit* dense_beside(const LawFit& fit) {
  return fit.law == "krajewski2024" ? &preset_law("krajewski2024-dense") : nullptr;
}

// The number of experts that means a dense model, all of which every token passes through: of the
// fitted runs the fewest whose parameters are all active, else 1.
std::optional<double> dense_experts(const LawFit& fit) {
  if (dense_beside(fit) != nullptr) return 1;
  for (const ExpertsWeight& w : fit.experts_weights) {
    if (w.total_ratio <= 1 + 1e-9) return w.experts;
  }
  return fit.experts_low > 1 ? std::nullopt : std::optional<double>(1);
}

std::vector<double> experts_of(const LawFit& fit, const SparseRequest& request) {
  std::vector<double> list = request.experts;
  if (list.empty()) {
    const double most = fit.experts_high > 0 ? fit.experts_high : kMostExperts;
    for (double e = 1; e <= most; e *= 2) {
      if (e >= fit.experts_low) list.push_back(e);
    }
    if (fit.experts_high > 0) list.push_back(fit.experts_high);
  }
  // The dense model is what the others are held against.
  if (const auto dense = dense_experts(fit)) {
    list.push_back(*dense);
    for (double& experts : list) experts = std::max(experts, *dense);
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

// f(N) of a fit to own runs is of active parameters; an older file does not say so.
Spend free_spend(const LawFit& fit, const SparseRequest& request) {
  Spend spend{.extra_tokens = request.extra_tokens};
  if (!fit.experts_weights.empty()) spend.flops = fit.flops;
  return spend;
}

Family family_of(const LawFit& fit, const SparseRequest& request, double experts) {
  SurfaceSettings settings{.unique_tokens = request.unique_tokens,
                           .repeat_decay = request.repeat_decay,
                           .experts = experts,
                           .weights = fit.experts_weights};
  const bool is_dense = dense_experts(fit) == experts;
  if (!is_dense) settings.granularity = request.granularity;
  const LawFit* dense = is_dense ? dense_beside(fit) : nullptr;
  const LawFit& law = dense != nullptr ? *dense : fit;
  return {.experts = experts,
          .dense = is_dense,
          .surface = surface_of(law, settings),
          .draws = draw_surfaces(law, settings),
          .total_ratio = total_params(1, settings)};
}

bool is_at_end(OptimumPlace place) {
  return place == OptimumPlace::kSmallestModel || place == OptimumPlace::kFewestTokens;
}

// Whether a larger model would be better: the best dense one lies at its own memory, and is not
// held by it.
bool falls_beyond(const Family& family, const Spend& capped, const SparseRequest& request,
                  const Optimum& best) {
  constexpr double kSamePlace = 1e-6;  // of ln N
  Spend free = capped;
  free.params_high = std::numeric_limits<double>::infinity();
  const Optimum beyond = best_allocation(family.surface, free, request.flops);
  return beyond.params > best.params * (1 + kSamePlace);
}

ExpertsChoice choice_of(const Family& family, const LawFit& fit, const Spend& spend,
                        const SparseRequest& request, std::vector<double>& drawn_losses) {
  const Optimum best = best_allocation(family.surface, spend, request.flops);
  std::vector<double> params, tokens;
  for (const LossSurface& draw : family.draws) {
    const Optimum drawn = best_allocation(draw, spend, request.flops);
    params.push_back(drawn.params);
    tokens.push_back(drawn.tokens);
    drawn_losses.push_back(drawn.loss);
  }
  const double level = fit.interval_level;
  const double total = best.params * family.total_ratio;
  const bool above = fit.experts_high > 0 && family.experts > fit.experts_high;
  const bool below = family.experts < fit.experts_low && !family.dense;
  return {
      .experts = family.experts,
      .dense = family.dense,
      .params = interval_over(best.params, params, level),
      .tokens = interval_over(best.tokens, tokens, level),
      .loss = interval_over(best.loss, drawn_losses, level),
      .total_params = total,
      .bytes = total * request.bytes_per_param,
      .capped = best.place == OptimumPlace::kCapped && falls_beyond(family, spend, request, best),
      .inside = !above && !below};
}

void hold_against_dense(const std::vector<Family>& families, const Spend& free, const LawFit& fit,
                        double flops, Table& table) {
  if (!families.front().dense) return;
  const auto& dense_draws = table.drawn_losses.front();
  const ExpertsChoice dense = table.answer.choices.front();
  for (std::size_t i = 1; i < families.size(); ++i) {
    ExpertsChoice& choice = table.answer.choices[i];
    std::vector<double> less;
    const std::size_t draws = std::min(dense_draws.size(), table.drawn_losses[i].size());
    double wins = 0;
    for (std::size_t k = 0; k < draws; ++k) {
      less.push_back(table.drawn_losses[i][k] - dense_draws[k]);
      wins += less.back() < 0;
    }
    choice.less_dense =
        interval_over(choice.loss.value - dense.loss.value, less, fit.interval_level);
    if (draws > 0) choice.wins = wins / static_cast<double>(draws);
    const auto needed = cheapest_for_loss(families.front().surface, free, choice.loss.value);
    if (needed) choice.dense_compute = *needed / flops;
  }
}

// Every family's best model, with at most `most_params` parameters in all.
Table table_of(const std::vector<Family>& families, const LawFit& fit, const SparseRequest& request,
               std::optional<double> most_params) {
  Table table;
  const Spend free = free_spend(fit, request);
  for (const Family& family : families) {
    Spend spend = free;
    if (most_params) spend.params_high = std::max(1.0, *most_params / family.total_ratio);
    table.drawn_losses.emplace_back();
    table.answer.choices.push_back(
        choice_of(family, fit, spend, request, table.drawn_losses.back()));
  }
  const auto& choices = table.answer.choices;
  const auto best =
      std::min_element(choices.begin(), choices.end(),
                       [](const auto& a, const auto& b) { return a.loss.value < b.loss.value; });
  table.answer.best = static_cast<std::size_t>(best - choices.begin());
  hold_against_dense(families, free, fit, request.flops, table);
  return table;
}

// What the dense model of the first table weighs; without one, the lightest.
double natural_memory(const ExpertsTable& table) {
  double least = table.choices.front().total_params;
  for (const ExpertsChoice& choice : table.choices) {
    if (choice.dense) return choice.total_params;
    least = std::min(least, choice.total_params);
  }
  return least;
}

void warn_of_range(const LawFit& fit, const SparsePlan& plan, std::vector<Warning>& out) {
  std::string outside;
  for (const ExpertsChoice& choice : plan.equal_flops.choices) {
    if (!choice.inside) outside += (outside.empty() ? "" : ", ") + exact_number(choice.experts);
  }
  if (!outside.empty()) {
    out.push_back({"experts_outside",
                   fmt::format("{} experts: {} was fitted to {} to {}; beyond them it is a guess",
                               outside, fit.law, fit.experts_low, fit.experts_high)});
  }
  if (fit.flops_high > 0 && plan.flops > fit.flops_high) {
    out.push_back({"extrapolation",
                   fmt::format("{} FLOP is {:.3g}x the largest fitted run: the intervals assume "
                               "that the law holds that far",
                               format_flops(plan.flops), plan.flops / fit.flops_high)});
  }
}

void warn_of_law(const LawFit& fit, const std::vector<Family>& families, SparsePlan& plan) {
  warn_of_range(fit, plan, plan.warnings);
  if (families.back().draws.empty()) {
    plan.warnings.push_back(
        {"no_uncertainty",
         fmt::format("{} comes without draws: how sure its answer is, is not known", fit.law)});
  }
  if (!plan.has_dense) {
    plan.warnings.push_back(
        {"no_dense", fmt::format("{} was fitted to {} experts and more: it has no dense model to "
                                 "hold them against",
                                 fit.law, fit.experts_low)});
  }
}

void warn_of_ends(const LawFit& fit, const std::vector<Family>& families,
                  const SparseRequest& request, SparsePlan& plan) {
  for (const Family& family : families) {
    const Spend spend = free_spend(fit, request);
    const Optimum best = best_allocation(family.surface, spend, request.flops);
    if (!is_at_end(best.place)) continue;
    plan.warnings.push_back(
        {"runaway", fmt::format("{} experts: the loss only falls towards an end of the search: the "
                                "law trades nothing off there",
                                exact_number(family.experts))});
  }
}

void assume_sparse(const LawFit& fit, const SparseRequest& request, SparsePlan& plan) {
  const bool counted = plan.convention != SparsePlan().convention;
  plan.assumptions.push_back(
      (counted ? "C as the fit counts it (" + plan.convention + ")" : std::string("C = 6 N D")) +
      ", N what a token passes through" +
      (fit.experts_weights.empty()
           ? ": one expert a token of a feed-forward that is two thirds of a dense block, E "
             "experts (1 + 2/3 (E - 1)) N parameters in all"
           : "; all parameters as the fitted runs have them, by their number of experts") +
      "; communication costs nothing");
  if (!fit.flops.is_six_n() && !counted) {
    plan.assumptions.push_back("6 N D although the fit counted FLOP as " + fit.flops.convention() +
                               ", which is not known of experts");
  }
  if (const LawFit* dense = dense_beside(fit)) {
    plan.assumptions.push_back("the dense model by " + dense->law +
                               "; both count N without embeddings");
  }
  if (request.granularity) {
    plan.assumptions.push_back(
        fmt::format("experts {} times narrower than the feed-forward and as many more of them",
                    *request.granularity));
  }
}

}  // namespace

bool is_sparse_law(const LawFit& fit) {
  return fit.form.has_value() && knows_experts(law_form(fit.form->form));
}

SparsePlan make_sparse_plan(const LawFit& fit, const SparseRequest& request) {
  check_sparse_request(fit, request);
  std::vector<Family> families;
  for (const double experts : experts_of(fit, request)) {
    families.push_back(family_of(fit, request, experts));
  }
  SparsePlan plan{.flops = request.flops,
                  .convention = free_spend(fit, request).flops.convention(),
                  .law = fit.law,
                  .citation = fit.citation,
                  .loss_unit = fit.loss_unit,
                  .interval_level = fit.interval_level,
                  .granularity = request.granularity,
                  .has_dense = families.front().dense,
                  .bytes_per_param = request.bytes_per_param,
                  .memory_given = request.memory_bytes.has_value(),
                  .warnings = fit.warnings};
  plan.equal_flops = table_of(families, fit, request, std::nullopt).answer;
  plan.memory_params = request.memory_bytes ? *request.memory_bytes / request.bytes_per_param
                                            : natural_memory(plan.equal_flops);
  plan.equal_memory = table_of(families, fit, request, plan.memory_params).answer;
  warn_of_law(fit, families, plan);
  warn_of_ends(fit, families, request, plan);
  assume_sparse(fit, request, plan);
  return plan;
}

}  // namespace isoflop
