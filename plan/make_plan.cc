#include "plan/make_plan.h"

#include <fmt/format.h>
#include <vector>

#include "core/error.h"
#include "core/interval.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "plan/near_optimal.h"
#include "plan/optimum.h"

namespace isoflop {
namespace {

void warn(Plan& plan, std::string code, std::string message) {
  plan.warnings.push_back({.code = std::move(code), .message = std::move(message)});
}

Optimum optimum_of(const LawFit& fit, double flops) {
  const Optimum best = compute_optimum(fit.parameters, fit.flops, flops);
  if (best.place == OptimumPlace::kInterior) return best;
  throw refusal(
      "no_optimum",
      fmt::format("plan: {}: at {} FLOP the loss only falls towards {}: the law trades "
                  "nothing off; fit runs with more spread in sizes and tokens",
                  fit.law, format_flops(flops),
                  best.place == OptimumPlace::kSmallestModel ? "smaller models" : "larger models"));
}

// Returns how many draws ran away.
int fill_intervals(const LawFit& fit, const Optimum& best, Plan& plan) {
  std::vector<double> params;
  std::vector<double> tokens;
  std::vector<double> loss;
  int runaway = 0;
  for (const LawParameters& draw : fit.draws) {
    const Optimum there = compute_optimum(draw, fit.flops, plan.flops);
    params.push_back(there.params);
    tokens.push_back(there.tokens);
    loss.push_back(there.loss);
    runaway += there.place == OptimumPlace::kInterior ? 0 : 1;
  }
  plan.params = interval_over(best.params, std::move(params), fit.interval_level);
  plan.tokens = interval_over(best.tokens, std::move(tokens), fit.interval_level);
  plan.loss = interval_over(best.loss, std::move(loss), fit.interval_level);
  return runaway;
}

void fill_shape(const LawFit& fit, const PlanOptions& options, Plan& plan) {
  try {
    plan.shape.model = shape_for_params(plan.params.value, options.base);
  } catch (const Error& error) {
    warn(plan, "no_shape", error.what());
    return;
  }
  plan.shape.params = static_cast<double>(count_params(plan.shape.model).total());
  plan.shape.tokens = plan.flops / fit.flops(plan.shape.params);
  plan.shape.loss = loss_at_size(fit.parameters, fit.flops, plan.flops, plan.shape.params);
}

void warn_of_extrapolation(const LawFit& fit, const PlanOptions& options, Plan& plan) {
  if (!(fit.flops_high > 0)) return;
  plan.extrapolation = plan.flops / fit.flops_high;
  if (*plan.extrapolation <= options.extrapolation_factor) return;
  warn(
      plan, "extrapolation",
      fmt::format("{} FLOP is {:.{}f}x the largest fitted run: the intervals assume that the law "
                  "holds that far",
                  format_flops(plan.flops), *plan.extrapolation, *plan.extrapolation < 10 ? 1 : 0));
}

void warn_of_intervals(const LawFit& fit, const PlanOptions& options, int runaway, Plan& plan) {
  if (fit.draws.empty()) {
    warn(plan, "no_uncertainty",
         fmt::format("{} comes without draws: how sure its answer is, is not known", fit.law));
    return;
  }
  const double ratio = *plan.params.high / *plan.params.low;
  if (ratio > options.wide_ratio) {
    warn(plan, "wide_interval",
         fmt::format(
             "the interval of params spans a factor of {:.3g}: the data hardly determine the "
             "size; add runs, larger ones first",
             ratio));
  }
  if (runaway > 0) {
    warn(plan, "runaway_draws",
         fmt::format("{} of {} draws have no optimum inside; they count as the ends of the range",
                     runaway, fit.draws.size()));
  }
}

void warn_of_ratio(const LawFit& fit, Plan& plan) {
  if (!(fit.tokens_per_param_high > 0)) return;
  const double ratio = plan.tokens.value / plan.params.value;
  if (ratio >= fit.tokens_per_param_low && ratio <= fit.tokens_per_param_high) return;
  warn(plan, "tokens_per_param_outside",
       fmt::format("{:.3g} tokens per parameter lie outside the fitted {:.3g} to {:.3g}", ratio,
                   fit.tokens_per_param_low, fit.tokens_per_param_high));
}

}  // namespace

Plan make_plan(const LawFit& fit, double flops, const PlanOptions& options) {
  const Optimum best = optimum_of(fit, flops);
  Plan plan;
  plan.flops = flops;
  plan.convention = fit.flops.convention();
  plan.law = fit.law;
  plan.citation = fit.citation;
  plan.interval_level = fit.interval_level;
  plan.warnings = fit.warnings;
  const int runaway = fill_intervals(fit, best, plan);
  plan.near_optimal = near_optimal(fit.parameters, fit.flops, flops, options.extra_compute);
  warn_of_extrapolation(fit, options, plan);
  warn_of_intervals(fit, options, runaway, plan);
  warn_of_ratio(fit, plan);
  fill_shape(fit, options, plan);
  return plan;
}

}  // namespace isoflop
