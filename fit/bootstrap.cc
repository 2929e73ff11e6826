#include "fit/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "fit/isoflop_profiles.h"
#include "fit/newton.h"
#include "fit/parallel.h"
#include "fit/points.h"
#include "fit/start_screen.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestBudgets = 3;
constexpr int kScreenSide = 10;
constexpr int kScreenedRefits = 1;
constexpr int kMostRedraws = 1000;

constexpr std::array<std::pair<BootstrapKind, std::string_view>, 3> kNames = {{
    {BootstrapKind::kRow, "row"},
    {BootstrapKind::kBudget, "budget"},
    {BootstrapKind::kResidual, "residual"},
}};

// All that the draws share; read-only while they run.
struct Resampler {
  Points points;
  std::vector<LawVector> warm_starts;  // centred
  std::vector<BudgetGroup> groups;     // kBudget
  std::vector<double> fitted;          // kResidual: ln L of the fit
  std::vector<double> residuals;       // kResidual: centred and widened
  BootstrapKind kind = BootstrapKind::kRow;
  std::uint64_t seed = 0;
  double huber_delta = 0;
};

struct Draw {
  LawParameters parameters;
  int redrawn = 0;
  bool converged = false;
};

void draw_rows(SplitMix64& random, Points& points) {
  std::fill(points.weight.begin(), points.weight.end(), 0.0);
  for (std::size_t i = 0; i < points.size(); ++i) points.weight[random.below(points.size())] += 1;
}

// False when one budget was drawn every time: along one budget N and D cannot be told apart.
bool draw_budgets(const Resampler& resampler, SplitMix64& random, Points& points) {
  std::fill(points.weight.begin(), points.weight.end(), 0.0);
  std::set<std::uint64_t> drawn;
  for (std::size_t k = 0; k < resampler.groups.size(); ++k) {
    const std::uint64_t group = random.below(resampler.groups.size());
    drawn.insert(group);
    for (const std::size_t i : resampler.groups[group].rows) points.weight[i] += 1;
  }
  return drawn.size() > 1;
}

void draw_residuals(const Resampler& resampler, SplitMix64& random, Points& points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    points.log_loss[i] =
        resampler.fitted[i] + resampler.residuals[random.below(resampler.residuals.size())];
  }
}

// Enough distinct points, sizes and token counts among the rows that were drawn.
bool identifies(const Points& points) {
  std::set<std::pair<double, double>> distinct;
  std::set<double> sizes;
  std::set<double> tokens;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points.weight[i] == 0) continue;
    distinct.emplace(points.x[i], points.y[i]);
    sizes.insert(points.x[i]);
    tokens.insert(points.y[i]);
  }
  return distinct.size() >= kLawSize && sizes.size() >= kFewestValues &&
         tokens.size() >= kFewestValues;
}

bool draw(const Resampler& resampler, SplitMix64& random, Points& points) {
  switch (resampler.kind) {
    case BootstrapKind::kResidual:
      draw_residuals(resampler, random, points);
      return true;
    case BootstrapKind::kBudget:
      return draw_budgets(resampler, random, points) && identifies(points);
    case BootstrapKind::kRow:
      break;
  }
  draw_rows(random, points);
  return identifies(points);
}

// Resamples until the points identify the law; gives the number of resamples thrown away.
int resample(const Resampler& resampler, SplitMix64& random, Points& points) {
  for (int redrawn = 0; redrawn < kMostRedraws; ++redrawn) {
    if (draw(resampler, random, points)) return redrawn;
  }
  throw refusal(
      "cannot_resample",
      fmt::format("bootstrap: {}: {} resamples in a row could not identify the law: the rows "
                  "hang on too few sizes; add runs or use the residual bootstrap",
                  name_of(resampler.kind), kMostRedraws));
}

bool better(const Descent& a, const Descent& b) {
  if (!std::isfinite(b.objective)) return std::isfinite(a.objective);
  return a.objective < b.objective;
}

Draw one_draw(const Resampler& resampler, int index) {
  SplitMix64 random(splitmix64(resampler.seed) ^ splitmix64(static_cast<std::uint64_t>(index) + 1));
  Points points = resampler.points;
  const int redrawn = resample(resampler, random, points);
  std::vector<LawVector> starts = resampler.warm_starts;
  for (const LawVector& start :
       screened_starts(points, resampler.huber_delta, kScreenedRefits, kScreenSide)) {
    starts.push_back(start);
  }
  Descent best;
  best.objective = std::numeric_limits<double>::infinity();
  for (const LawVector& start : starts) {
    const Descent end = newton_descent(points, start, {.huber_delta = resampler.huber_delta});
    if (better(end, best)) best = end;
  }
  return {.parameters = from_vector(uncentred(best.theta, points)),
          .redrawn = redrawn,
          .converged = best.converged};
}

void prepare_residuals(const LawVector& theta, Resampler& resampler) {
  const auto n = static_cast<double>(resampler.points.size());
  double mean = 0;
  for (std::size_t i = 0; i < resampler.points.size(); ++i) {
    resampler.fitted.push_back(log_loss(theta, resampler.points.x[i], resampler.points.y[i]));
    resampler.residuals.push_back(resampler.points.log_loss[i] - resampler.fitted[i]);
    mean += resampler.residuals.back() / n;
  }
  const double widen = n / (n - static_cast<double>(kLawSize));
  for (double& r : resampler.residuals) r = widen * (r - mean);
}

Resampler make_resampler(std::span<const Observation> rows, const ParametricFit& fit,
                         const BootstrapOptions& options) {
  Resampler resampler;
  resampler.points = make_points(rows);
  resampler.seed = options.seed;
  resampler.huber_delta = options.huber_delta;
  resampler.kind = options.kind;
  const LawVector optimum = centred(to_vector(fit.parameters), resampler.points);
  resampler.warm_starts.push_back(optimum);
  for (const LawParameters& other : fit.other_optima) {
    resampler.warm_starts.push_back(centred(to_vector(other), resampler.points));
  }
  if (resampler.kind == BootstrapKind::kResidual) prepare_residuals(optimum, resampler);
  if (resampler.kind == BootstrapKind::kBudget) resampler.groups = group_by_budget(rows);
  if (resampler.kind == BootstrapKind::kBudget && resampler.groups.size() < kFewestBudgets) {
    throw refusal("no_budgets",
                  fmt::format("bootstrap: budget: the rows form {} budgets, at least {} "
                              "are needed; use the row or residual bootstrap",
                              resampler.groups.size(), kFewestBudgets));
  }
  return resampler;
}

}  // namespace

std::string_view name_of(BootstrapKind kind) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == kind; });
  return found->second;
}

BootstrapKind parse_bootstrap_kind(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (name == known) return kind;
  }
  throw usage_error(fmt::format("bootstrap: {}: unknown; known are row, budget, residual", name));
}

Bootstrap bootstrap(std::span<const Observation> observations, const ParametricFit& fit,
                    const BootstrapOptions& options) {
  const Resampler resampler = make_resampler(observations, fit, options);
  std::vector<Draw> draws(static_cast<std::size_t>(std::max(options.draws, 0)));
  parallel_for(static_cast<int>(draws.size()), options.threads,
               [&](int k) { draws[static_cast<std::size_t>(k)] = one_draw(resampler, k); });
  Bootstrap out{.draws = {},
                .kind = resampler.kind,
                .method = fmt::format("{} bootstrap", name_of(resampler.kind))};
  for (const Draw& draw : draws) {
    out.draws.push_back(draw.parameters);
    out.redrawn += draw.redrawn;
    out.not_converged += draw.converged ? 0 : 1;
  }
  return out;
}

}  // namespace isoflop
