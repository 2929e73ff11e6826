#include "design/suggest.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <span>

#include "core/error.h"
#include "core/interval.h"
#include "fit/simulate.h"
#include "law/loss_law.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

constexpr int kSizes = 24;
constexpr int kRatios = 16;
constexpr double kClip = 0.01;  // of the draws, at each side

// A possible run, with ln L over the draws, centred and then conditioned on the chosen runs.
struct Cell {
  double params = 0;
  double tokens = 0;
  double flops = 0;
  std::vector<double> scatter;
};

std::vector<double> clipped_and_centred(std::vector<double> values) {
  const double low = quantile(values, kClip);
  const double high = quantile(values, 1 - kClip);
  double mean = 0;
  for (double& v : values) {
    v = std::clamp(v, low, high);
    mean += v / static_cast<double>(values.size());
  }
  for (double& v : values) v -= mean;
  return values;
}

double covariance_of(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum / static_cast<double>(a.size());
}

std::vector<Cell> candidate_cells(const LawFit& fit, const SuggestOptions& options) {
  const double most = options.max_flops > 0 ? options.max_flops : fit.flops_high;
  std::vector<Cell> cells;
  for (const double params :
       log_spaced(fit.params_low / options.reach, fit.params_high * options.reach, kSizes)) {
    for (const double ratio : log_spaced(fit.tokens_per_param_low / options.reach,
                                         fit.tokens_per_param_high * options.reach, kRatios)) {
      Cell cell{.params = params, .tokens = ratio * params};
      cell.flops = fit.flops(params) * cell.tokens;
      // Rounding must not lose the cell of the limit itself.
      if (cell.flops > most * (1 + 1e-9) || cell.flops < fit.flops_low * (1 - 1e-9)) continue;
      for (const LawParameters& draw : fit.draws) {
        cell.scatter.push_back(std::log(predict_loss(draw, cell.params, cell.tokens)));
      }
      cell.scatter = clipped_and_centred(std::move(cell.scatter));
      cells.push_back(std::move(cell));
    }
  }
  return cells;
}

// What is left of `scatter` when the run `chosen` is known up to its noise.
//
// The ensemble's square-root form: with k = 1 / (v + s^2 + s sqrt(v + s^2)) the variances come out
// as the conditioning formula has them, without random numbers.
void condition_on(const std::vector<double>& chosen, double variance, double noise,
                  std::vector<double>& scatter) {
  const double total = variance + noise * noise;
  const double gain = covariance_of(scatter, chosen) / (total + noise * std::sqrt(total));
  for (std::size_t i = 0; i < scatter.size(); ++i) scatter[i] -= gain * chosen[i];
}

double gain_of(const Cell& cell, const std::vector<double>& answer, double noise) {
  const double c = covariance_of(answer, cell.scatter);
  return c * c / (noise * noise + covariance_of(cell.scatter, cell.scatter));
}

void check_suggest_options(const LawFit& fit, const SuggestOptions& options) {
  if (!(options.target_flops > 0) || !std::isfinite(options.target_flops)) {
    throw usage_error("suggest: the target's FLOP must be positive; write it like 1e21");
  }
  if (options.count < 1) throw usage_error("suggest: --count must be at least 1");
  if (!(options.noise >= 0) || !(options.max_flops >= 0) || !(options.reach >= 1)) {
    throw usage_error("suggest: noise and the largest run must not be negative, reach at least 1");
  }
  if (fit.draws.size() < 2) {
    throw refusal("no_draws", fmt::format("suggest: {}: the law has no draws, so what it is unsure "
                                          "of is not known; fit runs with `isoflop fit --out`",
                                          fit.law));
  }
  if (!(fit.flops_high > 0) || !(fit.tokens_per_param_high > 0)) {
    throw refusal("no_range", fmt::format("suggest: {}: the fit does not say what range its data "
                                          "covered; fit the runs again",
                                          fit.law));
  }
}

}  // namespace

Suggestions suggest_runs(const LawFit& fit, const SuggestOptions& options) {
  check_suggest_options(fit, options);
  const double noise = options.noise > 0 ? options.noise : fit.residual_rms;
  std::vector<double> sizes;
  std::vector<double> answer;
  for (const LawParameters& draw : fit.draws) {
    sizes.push_back(compute_optimum(draw, fit.flops, options.target_flops).params);
    answer.push_back(std::log(sizes.back()));
  }
  const double now = compute_optimum(fit.parameters, fit.flops, options.target_flops).params;
  Suggestions out{.target_flops = options.target_flops,
                  .convention = fit.flops.convention(),
                  .level = fit.interval_level,
                  .noise = noise,
                  .params = interval_over(now, std::move(sizes), fit.interval_level),
                  .spread = 0,
                  .runs = {}};
  out.spread = *out.params.high / *out.params.low;

  answer = clipped_and_centred(std::move(answer));
  const double before = std::sqrt(covariance_of(answer, answer));
  std::vector<Cell> cells = candidate_cells(fit, options);
  for (int k = 0; k < options.count && !cells.empty() && before > 0; ++k) {
    const Cell best = *std::max_element(cells.begin(), cells.end(), [&](auto& a, auto& b) {
      return gain_of(a, answer, noise) / a.flops < gain_of(b, answer, noise) / b.flops;
    });
    const double variance = covariance_of(best.scatter, best.scatter);
    condition_on(best.scatter, variance, noise, answer);
    for (Cell& cell : cells) condition_on(best.scatter, variance, noise, cell.scatter);
    const double left = std::sqrt(covariance_of(answer, answer)) / before;
    out.runs.push_back({.params = best.params,
                        .tokens = best.tokens,
                        .flops = best.flops,
                        .loss = predict_loss(fit.parameters, best.params, best.tokens),
                        .spread = std::pow(out.spread, left)});
  }
  return out;
}

}  // namespace isoflop
