#include "fit/isoflop_profiles.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/hash.h"
#include "fit/valley.h"
#include "fit/valley_joint.h"
#include "fit/valley_law.h"
#include "fit/valley_noise.h"

namespace isoflop {
namespace {

// Valleys of budgets further apart than this (in ln C) would mix.
constexpr double kWidestBudget = 0.3;
// Sizes closer than this (in ln N) are one size.
constexpr double kSameModelSize = 1e-9;
constexpr std::size_t kMostSizes = 100;
// Sizes closer than this share of the budget's mean step are averaged: their slope is the noise of
// two runs over nearly nothing, and an interpolant through both would follow it far below them.
constexpr double kCloseSizes = 0.1;
// An interval of a this wide, and this many times the parabola's, is worth a warning.
constexpr double kWideExponent = 0.04;
constexpr double kUnsteady = 2;
// A joint refit costs as much as several hundred of the others; its draws are repeated.
constexpr int kDrawsPerJointDraw = 5;
// A valley whose curvature is fewer standard errors than this above 0 may as well be flat.
constexpr double kFewestErrors = 2;

struct IsoflopBudget {
  BudgetProfile profile;
  Valley valley;
  ValleyDraws draws;
  MinimumDraws joint_draws;
};

Valley valley_of(std::span<const Observation> rows, const BudgetGroup& group) {
  std::vector<std::size_t> order = group.rows;
  std::stable_sort(order.begin(), order.end(),
                   [&](auto i, auto j) { return rows[i].params < rows[j].params; });
  Valley v{.budget = group.budget};
  for (const std::size_t i : order) {
    const double x = std::log(rows[i].params);
    if (v.size() == 0 || x - v.log_params.back() > kSameModelSize) {
      v.log_params.push_back(x);
      v.log_tokens.push_back(0), v.log_loss.push_back(0), v.rows.push_back(0);
    }
    const double n = v.rows.back() += 1;
    v.log_tokens.back() += (std::log(rows[i].tokens) - v.log_tokens.back()) / n;
    v.log_loss.back() += (std::log(rows[i].loss) - v.log_loss.back()) / n;
  }
  return v;
}

// Points first to last - 1 of `v` as one point of `out`, weighted by their rows.
void add_averaged(const Valley& v, std::size_t first, std::size_t last, Valley& out) {
  double rows = 0, x = 0, d = 0, y = 0;
  for (std::size_t i = first; i < last; ++i) {
    rows += v.rows[i];
    x += v.rows[i] * v.log_params[i], d += v.rows[i] * v.log_tokens[i];
    y += v.rows[i] * v.log_loss[i];
  }
  out.log_params.push_back(x / rows), out.log_tokens.push_back(d / rows);
  out.log_loss.push_back(y / rows), out.rows.push_back(rows);
}

Valley without_close_sizes(const Valley& v) {
  if (v.size() < 4) return v;
  const double mean_step =
      (v.log_params.back() - v.log_params.front()) / static_cast<double>(v.size() - 1);
  Valley out{.budget = v.budget};
  for (std::size_t first = 0, last = 0; first < v.size(); first = last) {
    last = first + 1;
    while (last < v.size() &&
           v.log_params[last] - v.log_params[last - 1] < kCloseSizes * mean_step) {
      ++last;
    }
    add_averaged(v, first, last, out);
  }
  return out;
}

// Neighbours averaged until at most kMostSizes points are left: so many sizes lie closer than any
// shape that they could show, and time and noise of an interpolant grow with them.
Valley thinned(const Valley& v) {
  if (v.size() <= kMostSizes) return v;
  Valley out{.budget = v.budget};
  for (std::size_t bin = 0; bin < kMostSizes; ++bin) {
    add_averaged(v, bin * v.size() / kMostSizes, (bin + 1) * v.size() / kMostSizes, out);
  }
  return out;
}

// How far apart the C of rows without a stated budget lie, in ln C.
double flops_spread(std::span<const Observation> rows, const BudgetGroup& group) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const std::size_t row : group.rows) {
    if (rows[row].budget) return 0;
    low = std::min(low, std::log(rows[row].flops));
    high = std::max(high, std::log(rows[row].flops));
  }
  return high - low;
}

bool lowest_at_edge(const Valley& v) {
  const auto lowest = std::min_element(v.log_loss.begin(), v.log_loss.end());
  return lowest == v.log_loss.begin() || lowest == v.log_loss.end() - 1;
}

void set_minimum(const ValleyMinimum& minimum, const FlopsPerToken& flops, BudgetProfile& p) {
  p.params = std::exp(minimum.log_params);
  p.tokens = p.budget / flops(p.params);
  p.loss = minimum.loss;
}

// Akima's and the parabola's minimum, and whether the budget can be used.
void look_for_minima(const Valley& v, const FlopsPerToken& flops, BudgetProfile& p) {
  const ValleyParabola parabola = windowed_parabola(v.log_params, v.log_loss);
  p.curvature = 2 * parabola.c2;
  if (!(p.curvature > 1e-12 * std::abs(parabola.c0))) {
    p.code = "not_convex";
    return;
  }
  const auto bottom = parabola_minimum(parabola, v.log_params);
  const auto akima = akima_minimum(v.log_params, v.log_loss);
  if (bottom) p.parabola = std::exp(bottom->log_params);
  if (akima) p.akima = std::exp(akima->log_params);
  p.estimator = v.size() < kFewestInWindow ? "parabola" : "akima";
  const auto& main = p.estimator == "akima" ? akima : bottom;
  p.usable = main.has_value() && !lowest_at_edge(v);
  p.code = p.usable ? "" : "not_bracketed";
  if (p.usable) set_minimum(*main, flops, p);
}

IsoflopBudget make_budget(std::span<const Observation> rows, const BudgetGroup& group,
                          const FlopsPerToken& flops) {
  IsoflopBudget out{.profile = {.budget = group.budget}, .valley = valley_of(rows, group)};
  out.profile.points = static_cast<int>(group.rows.size());
  out.profile.sizes = static_cast<int>(out.valley.size());
  out.valley = thinned(without_close_sizes(out.valley));
  if (out.valley.size() < 3) {
    out.profile.code = "too_few_points";
  } else if (flops_spread(rows, group) > kWidestBudget) {
    out.profile.code = "not_one_budget";
  } else {
    look_for_minima(out.valley, flops, out.profile);
  }
  return out;
}

const MinimumDraws& draws_of(const IsoflopBudget& budget, std::string_view estimator) {
  if (estimator == "joint") return budget.joint_draws;
  return estimator == "parabola" ? budget.draws.parabola : budget.draws.akima;
}

// A minimum that the noise would push out of the range in most repetitions is not bracketed.
void add_noise(double sigma, const IsoflopOptions& options, IsoflopBudget& budget) {
  BudgetProfile& p = budget.profile;
  if (!p.usable) return;
  if (curvature_ratio(budget.valley, sigma) < kFewestErrors) {
    p.usable = false;
    p.code = "not_convex";
    return;
  }
  if (options.draws <= 0) return;
  const auto which = static_cast<std::uint64_t>(std::llround(1e6 * std::log(p.budget)));
  budget.draws = draw_minima(budget.valley, sigma, options.draws,
                             splitmix64(options.seed) ^ splitmix64(which));
  const MinimumDraws& draws = draws_of(budget, p.estimator);
  if (draws.inside < 0.5) {
    p.usable = false;
    p.code = "not_bracketed";
    return;
  }
  p.log_error = draws.error;
}

void add_joint(double sigma, const IsoflopOptions& options, std::vector<IsoflopBudget>& budgets) {
  std::vector<Valley> valleys;
  std::vector<IsoflopBudget*> usable;
  for (IsoflopBudget& b : budgets) {
    if (!b.profile.usable) continue;
    valleys.push_back(b.valley);
    usable.push_back(&b);
  }
  const auto joint = fit_joint_valleys(valleys);
  if (!joint) return;
  const int draws = options.draws / kDrawsPerJointDraw;
  std::vector<MinimumDraws> shifts(valleys.size());
  if (sigma > 0 && draws > 1) {
    shifts = draw_joint_minima(valleys, *joint, options.flops, sigma, draws, options.seed);
  }
  for (std::size_t i = 0; i < usable.size(); ++i) {
    IsoflopBudget& b = *usable[i];
    const auto found = joint_minimum(*joint, b.profile.budget, options.flops,
                                     b.valley.log_params.front(), b.valley.log_params.back());
    if (!found) continue;
    b.profile.joint = std::exp(*found);
    b.joint_draws = std::move(shifts[i]);
  }
}

void set_disagreement(BudgetProfile& p) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const auto& minimum : {p.akima, p.parabola, p.joint}) {
    if (!minimum) continue;
    low = std::min(low, std::log(*minimum));
    high = std::max(high, std::log(*minimum));
  }
  p.disagreement = high > low ? high - low : 0;
}

// The step in ln N between the sizes to both sides of the minimum.
double step_at(const Valley& v, double log_params) {
  const auto above = std::upper_bound(v.log_params.begin(), v.log_params.end(), log_params);
  return above == v.log_params.begin() || above == v.log_params.end() ? 0 : *above - *(above - 1);
}

std::optional<double> minimum_by(const BudgetProfile& p, std::string_view estimator) {
  if (estimator == "akima") return p.akima;
  if (estimator == "parabola") return p.parabola;
  return estimator == "joint" ? p.joint : std::optional(p.params);
}

// Minima of one estimator, or of each budget's main one where `estimator` is empty.
std::vector<BottomEstimate> bottoms_by(const std::vector<IsoflopBudget>& budgets,
                                       std::string_view estimator) {
  std::vector<BottomEstimate> out;
  for (const IsoflopBudget& b : budgets) {
    const auto minimum = minimum_by(b.profile, estimator);
    if (!b.profile.usable || !minimum) continue;
    BottomEstimate bottom{.budget = b.profile.budget, .log_params = std::log(*minimum)};
    bottom.step = step_at(b.valley, bottom.log_params);
    const std::string_view by = estimator.empty() ? b.profile.estimator : estimator;
    bottom.draws = draws_of(b, by);
    out.push_back(std::move(bottom));
  }
  return out;
}

double typical_error(const std::vector<BottomEstimate>& bottoms) {
  double squares = 0;
  for (const BottomEstimate& b : bottoms) squares += b.draws.error * b.draws.error;
  return std::sqrt(squares / static_cast<double>(bottoms.size()));
}

void add_estimators(const std::vector<IsoflopBudget>& budgets, const IsoflopOptions& options,
                    IsoflopFit& fit) {
  for (const char* estimator : {"akima", "parabola", "joint"}) {
    const std::vector<BottomEstimate> bottoms = bottoms_by(budgets, estimator);
    if (bottoms.size() < 2) continue;
    const BottomLaw law = law_through(bottoms, options.flops, options.draws);
    fit.estimators.push_back({.estimator = estimator,
                              .budgets = static_cast<int>(bottoms.size()),
                              .a = slope_interval(law.params, options.level),
                              .b = slope_interval(law.tokens, options.level),
                              .log_error = typical_error(bottoms)});
  }
}

const EstimatorExponents* exponents_by(const IsoflopFit& fit, std::string_view estimator) {
  for (const EstimatorExponents& e : fit.estimators) {
    if (e.estimator == estimator) return &e;
  }
  return nullptr;
}

// Akima's interval is wide and a steadier estimator lies inside it.
void warn_of_noise(IsoflopFit& fit) {
  const EstimatorExponents* akima = exponents_by(fit, "akima");
  const EstimatorExponents* parabola = exponents_by(fit, "parabola");
  if (!akima || !parabola || !fit.a.low || !parabola->a.low) return;
  const double width = *fit.a.high - *fit.a.low;
  const bool inside = parabola->a.value >= *fit.a.low && parabola->a.value <= *fit.a.high;
  if (!inside || width < kWideExponent) return;
  if (width < kUnsteady * (*parabola->a.high - *parabola->a.low)) return;
  fit.warnings.push_back(
      {.code = "noisy_minima",
       .message = fmt::format("the valleys are shallow against the noise: a minimum by Akima is "
                              "good to {:.0f} % in N, by the windowed parabola to {:.0f} %, with a "
                              "{:.3f} [{:.3f}, {:.3f}]",
                              100 * akima->log_error, 100 * parabola->log_error, parabola->a.value,
                              *parabola->a.low, *parabola->a.high)});
}

void warn_of_estimators(IsoflopFit& fit) {
  std::string outside;
  for (const EstimatorExponents& e : fit.estimators) {
    if (!fit.a.low || (e.a.value >= *fit.a.low && e.a.value <= *fit.a.high)) continue;
    outside += fmt::format("{}{:.3f} by {}", outside.empty() ? "" : ", ", e.a.value, e.estimator);
  }
  if (outside.empty()) return;
  fit.warnings.push_back(
      {.code = "estimators_disagree",
       .message = fmt::format("a is {}, outside the interval [{:.3f}, {:.3f}]: the valleys are "
                              "not of the shape that one of the estimators assumes",
                              outside, *fit.a.low, *fit.a.high)});
}

void add_law(const std::vector<IsoflopBudget>& budgets, const IsoflopOptions& options,
             IsoflopFit& fit) {
  const std::vector<BottomEstimate> bottoms = bottoms_by(budgets, "");
  if (bottoms.size() < 2) {
    fit.why_not =
        fmt::format("{} of {} budgets have a minimum that can be used; a power law needs 2",
                    bottoms.size(), budgets.size());
    return;
  }
  BottomLaw law = law_through(bottoms, options.flops, options.draws);
  fit.usable = true;
  fit.scatter = law.scatter;
  fit.a = slope_interval(law.params, options.level);
  fit.b = slope_interval(law.tokens, options.level);
  fit.params_law = std::move(law.params);
  fit.tokens_law = std::move(law.tokens);
  add_estimators(budgets, options, fit);
  if (bottoms.size() == 2) {
    fit.warnings.push_back({.code = "few_budgets",
                            .message = "2 budgets determine the power law: nothing shows whether "
                                       "it is one"});
  }
  warn_of_noise(fit);
  warn_of_estimators(fit);
}

}  // namespace

IsoflopFit fit_isoflop(std::span<const Observation> observations, const IsoflopOptions& options) {
  const std::vector<BudgetGroup> groups = group_by_budget(observations, options.chain_gap);
  std::vector<IsoflopBudget> budgets;
  std::vector<Valley> valleys;
  for (const BudgetGroup& group : groups) {
    budgets.push_back(make_budget(observations, group, options.flops));
    if (budgets.back().profile.usable) valleys.push_back(budgets.back().valley);
  }
  const ValleyNoise noise = noise_of(observations, groups, valleys);
  if (noise.sigma > 0) {
    for (IsoflopBudget& budget : budgets) add_noise(noise.sigma, options, budget);
  }
  add_joint(noise.sigma, options, budgets);
  IsoflopFit fit{.level = options.level, .noise = noise.sigma, .noise_source = noise.source};
  for (IsoflopBudget& budget : budgets) {
    set_disagreement(budget.profile);
    fit.profiles.push_back(budget.profile);
  }
  add_law(budgets, options, fit);
  return fit;
}

}  // namespace isoflop
