#include "fit/isoflop_profiles.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <set>

#include "core/hash.h"
#include "core/interval.h"

namespace isoflop {
namespace {

// A parabola over budgets further apart than this (in ln C) would mix their valleys.
constexpr double kWidestBudget = 0.3;

// One budget's points and the parabola L = c0 + c1 u + c2 u^2, u = ln N - centre.
struct Valley {
  BudgetProfile profile;
  double centre = 0;
  std::vector<double> u;
  std::vector<double> loss;
  std::vector<double> fitted;
};

struct Line {
  double intercept = 0;
  double slope = 0;
};

int distinct_sizes(const std::vector<double>& u) {
  std::set<double> sizes;
  for (const double value : u) sizes.insert(std::round(value * 1e9));
  return static_cast<int>(sizes.size());
}

Eigen::Vector3d parabola(const std::vector<double>& u, const std::vector<double>& loss) {
  // Normal equations: u is centred and of order 1, so squaring the condition number costs no digit
  // that the losses have.
  Eigen::Matrix3d matrix = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  for (std::size_t i = 0; i < u.size(); ++i) {
    const Eigen::Vector3d row(1, u[i], u[i] * u[i]);
    matrix += row * row.transpose();
    right += row * loss[i];
  }
  return matrix.ldlt().solve(right);
}

void set_bottom(Valley& valley, const Eigen::Vector3d& c, const FlopsPerToken& flops) {
  BudgetProfile& p = valley.profile;
  p.curvature = 2 * c[2];
  p.usable = false;
  const double span = *std::max_element(valley.loss.begin(), valley.loss.end());
  if (!(p.curvature > 1e-12 * span)) {
    p.code = "not_convex";
    return;
  }
  const double bottom = -c[1] / p.curvature;
  const auto [low, high] = std::minmax_element(valley.u.begin(), valley.u.end());
  p.params = std::exp(valley.centre + bottom);
  p.tokens = p.budget / flops(p.params);
  p.loss = c[0] + 0.5 * c[1] * bottom;
  p.usable = bottom > *low && bottom < *high;
  p.code = p.usable ? "" : "not_bracketed";
}

// Refits the parabola to valley.loss; sets valley.fitted.
void fit_valley(Valley& valley, const FlopsPerToken& flops) {
  if (distinct_sizes(valley.u) < 3) {
    valley.profile.code = "too_few_points";
    return;
  }
  const Eigen::Vector3d c = parabola(valley.u, valley.loss);
  valley.fitted.clear();
  for (const double u : valley.u) valley.fitted.push_back(c[0] + u * (c[1] + u * c[2]));
  set_bottom(valley, c, flops);
}

// How far apart the C of rows without a stated budget lie, in ln C.
double spread(std::span<const Observation> rows, const BudgetGroup& group) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const std::size_t row : group.rows) {
    if (rows[row].budget) return 0;
    low = std::min(low, std::log(rows[row].flops));
    high = std::max(high, std::log(rows[row].flops));
  }
  return high - low;
}

Valley make_valley(std::span<const Observation> rows, const BudgetGroup& group,
                   const FlopsPerToken& flops) {
  Valley valley;
  valley.profile.budget = group.budget;
  valley.profile.points = static_cast<int>(group.rows.size());
  for (const std::size_t row : group.rows) {
    valley.u.push_back(std::log(rows[row].params));
    valley.loss.push_back(rows[row].loss);
  }
  valley.centre =
      std::accumulate(valley.u.begin(), valley.u.end(), 0.0) / static_cast<double>(valley.u.size());
  for (double& u : valley.u) u -= valley.centre;
  if (spread(rows, group) > kWidestBudget) {
    valley.profile.code = "not_one_budget";
    return valley;
  }
  fit_valley(valley, flops);
  return valley;
}

int usable_count(const std::vector<Valley>& valleys) {
  return static_cast<int>(std::count_if(valleys.begin(), valleys.end(),
                                        [](const Valley& v) { return v.profile.usable; }));
}

// ln(member at the bottoms) against ln C.
Line power_law(const std::vector<Valley>& valleys, double BudgetProfile::*member) {
  std::vector<std::pair<double, double>> points;
  double x_mean = 0;
  double y_mean = 0;
  const double n = usable_count(valleys);
  for (const Valley& valley : valleys) {
    if (!valley.profile.usable) continue;
    points.emplace_back(std::log(valley.profile.budget), std::log(valley.profile.*member));
    x_mean += points.back().first / n;
    y_mean += points.back().second / n;
  }
  double xx = 0;
  double xy = 0;
  for (const auto& [x, y] : points) {
    xx += (x - x_mean) * (x - x_mean);
    xy += (x - x_mean) * (y - y_mean);
  }
  return {.intercept = y_mean - xy / xx * x_mean, .slope = xy / xx};
}

// What the parabolas leave over, widened for the three parameters each has taken; pooled.
std::vector<double> pooled_residuals(const std::vector<Valley>& valleys) {
  std::vector<double> out;
  for (const Valley& valley : valleys) {
    const auto n = static_cast<double>(valley.loss.size());
    if (!valley.profile.usable || n <= 3) continue;
    const double widen = std::sqrt(n / (n - 3));
    for (std::size_t i = 0; i < valley.loss.size(); ++i) {
      out.push_back(widen * (valley.loss[i] - valley.fitted[i]));
    }
  }
  return out;
}

std::vector<Valley> redrawn(const std::vector<Valley>& valleys,
                            const std::vector<double>& residuals, const FlopsPerToken& flops,
                            SplitMix64& random) {
  std::vector<Valley> out;
  for (const Valley& valley : valleys) {
    if (!valley.profile.usable) continue;
    Valley next = valley;
    for (std::size_t i = 0; i < next.loss.size(); ++i) {
      next.loss[i] = valley.fitted[i] + residuals[random.below(residuals.size())];
    }
    fit_valley(next, flops);
    out.push_back(std::move(next));
  }
  return out;
}

void set_intervals(const std::vector<Valley>& valleys, const IsoflopOptions& options,
                   IsoflopFit& fit) {
  const std::vector<double> residuals = pooled_residuals(valleys);
  if (residuals.empty() || options.draws <= 0) return;
  std::vector<double> a;
  std::vector<double> b;
  for (int k = 0; k < options.draws; ++k) {
    SplitMix64 random(splitmix64(options.seed) ^ static_cast<std::uint64_t>(k));
    const std::vector<Valley> draw = redrawn(valleys, residuals, options.flops, random);
    if (usable_count(draw) < 2) continue;
    a.push_back(power_law(draw, &BudgetProfile::params).slope);
    b.push_back(power_law(draw, &BudgetProfile::tokens).slope);
  }
  // With most draws unusable the rest would flatter the answer.
  if (2 * a.size() < static_cast<std::size_t>(options.draws)) return;
  fit.a = interval_over(fit.a.value, std::move(a), options.level);
  fit.b = interval_over(fit.b.value, std::move(b), options.level);
}

std::vector<BudgetGroup> planned_groups(std::span<const Observation> rows) {
  std::vector<BudgetGroup> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const BudgetGroup& g) {
      return g.budget == *rows[i].budget;
    });
    if (found != groups.end()) {
      found->rows.push_back(i);
    } else {
      groups.push_back({.budget = *rows[i].budget, .rows = {i}});
    }
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

IsoflopFit fit_isoflop(std::span<const Observation> observations, const IsoflopOptions& options) {
  std::vector<Valley> valleys;
  for (const BudgetGroup& group : group_by_budget(observations, options.chain_gap)) {
    valleys.push_back(make_valley(observations, group, options.flops));
  }
  IsoflopFit fit;
  for (const Valley& valley : valleys) fit.profiles.push_back(valley.profile);
  const int usable = usable_count(valleys);
  if (usable < 2) {
    fit.why_not =
        fmt::format("{} of {} budgets have a bottom that can be used; a power law needs 2", usable,
                    valleys.size());
    return fit;
  }
  const Line params = power_law(valleys, &BudgetProfile::params);
  fit.a.value = params.slope;
  fit.params_law.line = {params.intercept, params.slope};
  const Line tokens = power_law(valleys, &BudgetProfile::tokens);
  fit.tokens_law.line = {tokens.intercept, tokens.slope};
  fit.b.value = tokens.slope;
  fit.usable = true;
  set_intervals(valleys, options, fit);
  return fit;
}

}  // namespace isoflop
