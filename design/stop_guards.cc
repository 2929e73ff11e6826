#include "design/stop_guards.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "design/adaptive_batch.h"
#include "design/law_belief.h"
#include "design/shared_noise.h"
#include "fit/backtest.h"
#include "fit/check_observations.h"
#include "fit/noise.h"
#include "fit/parametric_fit.h"
#include "fit/residuals.h"

namespace isoflop {
namespace {

constexpr std::size_t kFewestRuns = 12;
constexpr std::size_t kFewestPoints = 8;
constexpr std::size_t kFewestSizes = 4;
constexpr double kHiddenShare = 0.25;
constexpr std::size_t kFewestHidden = 3;
constexpr std::size_t kFewestKept = 9;  // 4 degrees of freedom for the noise
constexpr double kHiddenScore = 2.58;   // two-sided 1 %

std::size_t sizes_among(std::span<const CellPoint> points) {
  std::size_t count = points.empty() ? 0 : 1;  // points are in the order of N
  for (std::size_t i = 1; i < points.size(); ++i) {
    count += points[i].params > points[i - 1].params * (1 + 1e-9) ? 1 : 0;
  }
  return count;
}

// sum_j K_ij g_j over the rows j < i of row i's run.
LawVector shared_with(std::span<const Observation> rows, std::size_t i,
                      const std::vector<LawVector>& g, double variance, double rho) {
  LawVector sum{};
  for (std::size_t j = 0; j < i; ++j) {
    if (rows[i].run.empty() || rows[i].run != rows[j].run) continue;
    const double k = variance * shared_correlation(rows[i].tokens, rows[j].tokens, rho);
    for (std::size_t m = 0; m < kLawSize; ++m) sum[m] += k * g[j][m];
  }
  return sum;
}

// Of the mean residual of `hidden`: the runs' own scatter, and the prediction's by the kept rows.
double variance_of_mean_residual(const Holdout& rows, const LawParameters& law,
                                 const AdaptiveOptions& options, double noise) {
  const double variance = noise * noise;
  LawBelief belief(law, options.flops, options.target_flops, noise);
  std::vector<LawVector> g;
  for (std::size_t i = 0; i < rows.kept.size(); ++i) {
    g.push_back(belief.gradient(rows.kept[i].params, rows.kept[i].tokens));
    belief.learn({.gradient = g.back(),
                  .variance = variance,
                  .shared = shared_with(rows.kept, i, g, variance, options.trunk_correlation)});
  }
  LawVector mean{};
  double scatter = 0;
  const auto n = static_cast<double>(rows.hidden.size());
  for (std::size_t i = 0; i < rows.hidden.size(); ++i) {
    const Observation& a = rows.hidden[i];
    const LawVector gradient = belief.gradient(a.params, a.tokens);
    for (std::size_t k = 0; k < kLawSize; ++k) mean[k] += gradient[k] / n;
    scatter += variance;
    for (std::size_t j = 0; j < i; ++j) {
      const Observation& b = rows.hidden[j];
      if (a.run.empty() || a.run != b.run) continue;
      scatter += 2 * variance * shared_correlation(a.tokens, b.tokens, options.trunk_correlation);
    }
  }
  return belief.variance_of(mean) + scatter / (n * n);
}

}  // namespace

std::vector<std::string> little_known(std::span<const Observation> rows,
                                      std::span<const CellPoint> all,
                                      const AdaptiveOptions& options, double spent) {
  const std::vector<CellPoint> have = points_of({}, rows);
  std::vector<std::string> out;
  if (rows.size() < kFewestRuns || have.size() < std::min(kFewestPoints, all.size()) ||
      sizes_among(have) < std::min(kFewestSizes, sizes_among(all))) {
    out.push_back(fmt::format("{} runs at {} points of {} sizes are too few to trust an interval",
                              rows.size(), have.size(), sizes_among(have)));
  }
  const double least = least_anchor(all, options);
  if (!has_anchors(have, options.flops, 0, least)) {
    out.push_back(
        fmt::format("the target is too far beyond the runs: fewer than {} of them have "
                    "{:.2g} FLOP or more",
                    kAnchors, least));
  } else if (!has_anchors(have, options.flops, spent, least)) {
    out.push_back("too little of the compute was spent on the largest runs");
  }
  return out;
}

double hidden_runs_score(std::span<const Observation> rows, const AdaptiveOptions& options) {
  const std::size_t hidden =
      std::max(kFewestHidden, static_cast<std::size_t>(kHiddenShare * rows.size()));
  if (rows.size() < hidden + kFewestKept) return 0;
  std::vector<Observation> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.flops < b.flops; });
  const auto cut = sorted.end() - static_cast<std::ptrdiff_t>(hidden);
  const Holdout split{.kept = {sorted.begin(), cut}, .hidden = {cut, sorted.end()}};
  if (!can_be_fitted(split.kept)) return 0;
  const ParametricFit fit = fit_parametric(split.kept, {.threads = 1});
  const double noise = estimate_noise(split.kept, fit.parameters).residual_sigma;
  if (!fit.usable() || !(noise > 0)) return 0;
  double mean = 0;
  for (const double r : log_residuals(fit.parameters, split.hidden)) {
    mean += r / static_cast<double>(hidden);
  }
  return mean / std::sqrt(variance_of_mean_residual(split, fit.parameters, options, noise));
}

std::vector<std::string> failings_of_law(std::span<const Observation> rows, const LawFit& fit,
                                         const AdaptiveOptions& options) {
  std::vector<std::string> out;
  const double score = hidden_runs_score(rows, options);
  if (std::abs(score) > kHiddenScore) {
    out.push_back(
        fmt::format("the dearest runs lie {:.1f} standard errors {} what the others predict",
                    std::abs(score), score > 0 ? "above" : "below"));
  }
  for (const Warning& warning : warnings_of(study_residuals(fit.parameters, rows))) {
    out.push_back(warning.message);
  }
  if (fit.noise) {
    if (const auto warning = lack_of_fit(*fit.noise)) out.push_back(warning->message);
  }
  return out;
}

}  // namespace isoflop
