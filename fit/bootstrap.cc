#include "fit/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "fit/finite_law.h"
#include "fit/isoflop_profiles.h"
#include "fit/newton.h"
#include "fit/noise.h"
#include "fit/parallel.h"
#include "fit/points.h"
#include "fit/start_screen.h"
#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestUnits = 3;
constexpr int kScreenSide = 7;
constexpr int kScreenedRefits = 1;
constexpr int kMostRedraws = 1000;

constexpr std::array<std::pair<BootstrapKind, std::string_view>, 5> kNames = {{
    {BootstrapKind::kRow, "row"},
    {BootstrapKind::kRun, "run"},
    {BootstrapKind::kBudget, "budget"},
    {BootstrapKind::kResidual, "residual"},
    {BootstrapKind::kWild, "wild"},
}};

using Rows = std::vector<std::size_t>;

// All that the draws share; read-only while they run.
struct Resampler {
  Points points;
  std::vector<LawVector> warm_starts;  // centred
  std::vector<Rows> units;             // points, runs or budgets
  std::vector<double> fitted;          // kResidual, kWild: ln L of the fit
  std::vector<double> residuals;       // kResidual: centred and widened; kWild: widened
  BootstrapKind kind = BootstrapKind::kRow;
  std::uint64_t seed = 0;
  double huber_delta = 0;
};

struct Draw {
  LawParameters parameters;
  int redrawn = 0;
  bool converged = false;
};

// False when one unit was drawn every time.
bool draw_units(const Resampler& resampler, SplitMix64& random, Points& points) {
  std::fill(points.weight.begin(), points.weight.end(), 0.0);
  std::optional<std::uint64_t> last;
  bool several = false;
  for (std::size_t k = 0; k < resampler.units.size(); ++k) {
    const std::uint64_t unit = random.below(resampler.units.size());
    several = several || (last && *last != unit);
    last = unit;
    for (const std::size_t i : resampler.units[unit]) points.weight[i] += 1;
  }
  return several;
}

void draw_signs(const Resampler& resampler, SplitMix64& random, Points& points) {
  for (const Rows& unit : resampler.units) {
    const double sign = (random() >> 63) == 0 ? 1 : -1;
    for (const std::size_t i : unit) {
      points.log_loss[i] = resampler.fitted[i] + sign * resampler.residuals[i];
    }
  }
}

void draw_residuals(const Resampler& resampler, SplitMix64& random, Points& points) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    points.log_loss[i] =
        resampler.fitted[i] + resampler.residuals[random.below(resampler.residuals.size())];
  }
}

// Enough distinct points, sizes and token counts among the rows that were drawn; mostly the first
// few rows show it.
bool identifies(const Points& points) {
  std::set<std::pair<double, double>> distinct;
  std::set<double> sizes;
  std::set<double> tokens;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points.weight[i] == 0) continue;
    distinct.emplace(points.x[i], points.y[i]);
    sizes.insert(points.x[i]);
    tokens.insert(points.y[i]);
    if (distinct.size() >= kLawSize && sizes.size() >= kFewestValues &&
        tokens.size() >= kFewestValues) {
      return true;
    }
  }
  return false;
}

bool draw(const Resampler& resampler, SplitMix64& random, Points& points) {
  switch (resampler.kind) {
    case BootstrapKind::kResidual:
      draw_residuals(resampler, random, points);
      return true;
    case BootstrapKind::kWild:
      draw_signs(resampler, random, points);
      return true;
    default:
      return draw_units(resampler, random, points) && identifies(points);
  }
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

// Rows that were not drawn only cost time: a third of a row resample.
void drop_absent(Points& points) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points.weight[i] == 0) continue;
    points.x[kept] = points.x[i];
    points.y[kept] = points.y[i];
    points.log_loss[kept] = points.log_loss[i];
    points.weight[kept++] = points.weight[i];
  }
  for (auto* values : {&points.x, &points.y, &points.log_loss, &points.weight}) {
    values->resize(kept);
  }
}

bool better(const Descent& a, const Descent& b) {
  if (!std::isfinite(b.objective)) return std::isfinite(a.objective);
  return a.objective < b.objective;
}

Draw one_draw(const Resampler& resampler, int index) {
  SplitMix64 random(splitmix64(resampler.seed) ^ splitmix64(static_cast<std::uint64_t>(index) + 1));
  Points points = resampler.points;
  const int redrawn = resample(resampler, random, points);
  drop_absent(points);
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
  const double centre = resampler.kind == BootstrapKind::kResidual ? mean : 0;
  for (double& r : resampler.residuals) r = widen * (r - centre);
}

std::vector<Rows> group_by_run(std::span<const Observation> rows) {
  std::vector<Rows> units;
  std::map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto [at, fresh] = known.emplace(rows[i].run, units.size());
    if (fresh || rows[i].run.empty()) {
      at->second = units.size();
      units.emplace_back();
    }
    units[at->second].push_back(i);
  }
  return units;
}

std::vector<Rows> rows_of(const std::vector<BudgetGroup>& groups) {
  std::vector<Rows> units;
  for (const BudgetGroup& group : groups) units.push_back(group.rows);
  return units;
}

void check_units(std::size_t units, BootstrapKind kind) {
  if (units >= kFewestUnits) return;
  const std::string name(name_of(kind));
  throw refusal("no_" + name + "s",
                fmt::format("bootstrap: {}: the rows form {} {}s, at least {} are needed; use the "
                            "row or residual bootstrap",
                            name, units, name, kFewestUnits));
}

// Which rows are drawn, or change their sign, together.
void fill_units(std::span<const Observation> rows, Resampler& resampler) {
  if (resampler.kind == BootstrapKind::kBudget) {
    resampler.units = rows_of(group_by_budget(rows));
    check_units(resampler.units.size(), resampler.kind);
    return;
  }
  const std::vector<Rows> runs = group_by_run(rows);
  const bool of_runs = runs.size() < rows.size();
  if (resampler.kind == BootstrapKind::kRun && !of_runs) resampler.kind = BootstrapKind::kRow;
  if (resampler.kind == BootstrapKind::kRun) check_units(runs.size(), resampler.kind);
  const bool by_run =
      resampler.kind == BootstrapKind::kRun || (resampler.kind == BootstrapKind::kWild && of_runs);
  resampler.units = by_run ? runs : group_by_point(rows);
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
  fill_units(rows, resampler);
  prepare_residuals(optimum, resampler);
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
  throw usage_error(
      fmt::format("bootstrap: {}: unknown; known are row, run, budget, residual, wild", name));
}

Bootstrap bootstrap(std::span<const Observation> observations, const ParametricFit& fit,
                    const BootstrapOptions& options) {
  const Resampler resampler = make_resampler(observations, fit, options);
  std::vector<Draw> draws(static_cast<std::size_t>(std::max(options.draws, 0)));
  parallel_for(static_cast<int>(draws.size()), options.threads,
               [&](int k) { draws[static_cast<std::size_t>(k)] = one_draw(resampler, k); });
  Bootstrap out{.draws = {},
                .kind = resampler.kind,
                .method = fmt::format("{} bootstrap", name_of(resampler.kind)),
                .units = static_cast<int>(resampler.units.size())};
  if (resampler.kind != options.kind) {
    out.warnings.push_back(
        {.code = "no_runs",
         .message = "every row is a run of its own: the bootstrap draws points"});
  }
  for (const Draw& draw : draws) {
    const bool usable = is_finite(draw.parameters, observations);
    if (usable) out.draws.push_back(draw.parameters);
    out.redrawn += draw.redrawn;
    out.not_converged += draw.converged && usable ? 0 : 1;
  }
  return out;
}

}  // namespace isoflop
