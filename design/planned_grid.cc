#include "design/planned_grid.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/interval.h"
#include "core/normal.h"
#include "fit/check_observations.h"
#include "fit/parallel.h"
#include "fit/parametric_fit.h"
#include "law/loss_law.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

// One fit of a simulated sweep.
struct FittedWorld {
  double params = 0;
  double loss = 0;
  double a = 0;
  bool interior = false;
};

void check_design_options(const PlannedGridOptions& options) {
  if (!(options.target_flops > 0) || !std::isfinite(options.target_flops)) {
    throw usage_error("design: the target's FLOP must be positive; write it like 1e21");
  }
  if (!(options.noise > 0) || options.noise > 1) {
    throw usage_error(fmt::format(
        "design: noise {}: give the standard deviation of ln L, such as 0.003", options.noise));
  }
  if (options.simulations < 20) {
    throw usage_error(
        fmt::format("design: {} simulations are too few for an interval: give at "
                    "least 20",
                    options.simulations));
  }
  if (!(options.level > 0 && options.level < 1)) {
    throw usage_error("design: give an interval level such as 0.9");
  }
}

std::vector<Observation> simulated(std::span<const Observation> points,
                                   const PlannedGridOptions& options, int index) {
  SplitMix64 random(splitmix64(options.seed) ^ splitmix64(static_cast<std::uint64_t>(index) + 1));
  std::vector<Observation> rows(points.begin(), points.end());
  for (Observation& row : rows) {
    const double loss = predict_loss(options.truth, row.params, row.tokens);
    row.loss = loss * std::exp(options.noise * standard_normal(random));
  }
  return rows;
}

FittedWorld fit_world(std::span<const Observation> rows, const PlannedGridOptions& options) {
  // The screen's best nodes: with points of a law of this form more starts end in the same place.
  const ParametricFit fit = fit_parametric(rows, {.refined = 3, .threads = 1});
  const Optimum best = compute_optimum(fit.parameters, options.flops, options.target_flops);
  return {.params = best.params,
          .loss = best.loss,
          .a = fit.parameters.beta / (fit.parameters.alpha + fit.parameters.beta),
          .interior = best.place == OptimumPlace::kInterior};
}

}  // namespace

PlannedGridAnswer simulate_planned_grid(std::span<const Observation> points,
                                        const std::string& source,
                                        const PlannedGridOptions& options) {
  check_design_options(options);
  check_observations(simulated(points, options, 0), source, options.flops);
  std::vector<FittedWorld> worlds(static_cast<std::size_t>(options.simulations));
  parallel_for(options.simulations, options.threads, [&](int k) {
    worlds[static_cast<std::size_t>(k)] = fit_world(simulated(points, options, k), options);
  });

  PlannedGridAnswer out{.target_flops = options.target_flops,
                        .convention = options.flops.convention(),
                        .level = options.level,
                        .points = static_cast<int>(points.size()),
                        .simulations = options.simulations};
  for (const Observation& point : points) {
    out.flops += point.flops;
    out.largest_flops = std::max(out.largest_flops, point.flops);
  }
  std::vector<double> params;
  std::vector<double> losses;
  std::vector<double> exponents;
  for (const FittedWorld& world : worlds) {
    params.push_back(world.params);
    losses.push_back(world.loss);
    exponents.push_back(world.a);
    out.without_optimum += world.interior ? 0 : 1;
  }
  const Optimum truth = compute_optimum(options.truth, options.flops, options.target_flops);
  out.bias = quantile(params, 0.5) / truth.params - 1;
  out.params = interval_over(truth.params, std::move(params), options.level);
  out.loss = interval_over(truth.loss, std::move(losses), options.level);
  out.a = interval_over(options.truth.beta / (options.truth.alpha + options.truth.beta),
                        std::move(exponents), options.level);
  out.spread = *out.params.high / *out.params.low;
  return out;
}

}  // namespace isoflop
