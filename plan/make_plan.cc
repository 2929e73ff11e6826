#include "plan/make_plan.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/flops.h"
#include "core/interval.h"
#include "core/recipe.h"
#include "core/shape_rule.h"
#include "core/units.h"
#include "plan/near_optimal.h"
#include "plan/plan_details.h"
#include "plan/solve.h"

namespace isoflop {
namespace {

void warn(Plan& plan, std::string code, std::string message) {
  plan.warnings.push_back({.code = std::move(code), .message = std::move(message)});
}

void check_amount(const char* what, double value, bool zero_allowed = false) {
  if (std::isfinite(value) && (value > 0 || (zero_allowed && value == 0))) return;
  throw usage_error(fmt::format("plan: {}: {}: must be positive and finite", what, value));
}

void check_request(const PlanRequest& request) {
  if (request.flops.has_value() == request.loss.has_value()) {
    throw usage_error("plan: give either a budget or a loss to reach");
  }
  if (request.params && request.tokens) {
    throw usage_error(
        "plan: --params and --tokens together leave the budget nothing to decide: give one of "
        "them");
  }
  if (request.loss) check_amount("--loss", *request.loss);
  if (request.params) check_amount("--params", *request.params);
  if (request.tokens) check_amount("--tokens", *request.tokens);
  if (request.cap) check_amount(request.cap->reason.c_str(), request.cap->params);
  check_amount("--inference", request.inference_tokens, true);
  check_amount("--fine-tune", request.fine_tune_tokens, true);
  check_amount("inference weight", request.inference_weight);
  if (request.cap && request.cap->params < 1) {
    throw usage_error(fmt::format("plan: {} allows no parameter: give more", request.cap->reason));
  }
  if (request.cap && (request.params || request.tokens)) {
    throw usage_error(
        "plan: a cap on N beside a given --params or --tokens: give one or the other");
  }
}

[[noreturn]] void refuse_loss(const LawFit& fit, const LossSurface& surface,
                              const PlanRequest& request) {
  constexpr double kEndless = 1e40;
  const double best = request.params   ? surface(*request.params, kEndless)
                      : request.tokens ? surface(kEndless, *request.tokens)
                      : request.cap    ? surface(request.cap->params, kEndless)
                                       : surface.infimum();
  throw refusal(
      "unreachable_loss",
      fmt::format("plan: loss {:.6g}: {} says that nothing of the kind asked for gets to "
                  "or below {:.6g}: ask for more than that{}",
                  *request.loss, fit.law, best,
                  request.params || request.tokens || request.cap || request.settings.unique_tokens
                      ? ", or lift a constraint"
                      : ""));
}

Solved solve_point(const LawFit& fit, const LossSurface& surface, const Spend& spend,
                   const PlanRequest& request) {
  const auto solved = solve(surface, spend, request);
  if (!solved) refuse_loss(fit, surface, request);
  const OptimumPlace place = solved->best.place;
  if (place == OptimumPlace::kInterior || place == OptimumPlace::kCapped) return *solved;
  throw refusal(
      "no_optimum",
      fmt::format("plan: {}: at {} FLOP the loss only falls towards {}: the law trades "
                  "nothing off; fit runs with more spread in sizes and tokens",
                  fit.law, format_flops(solved->flops),
                  place == OptimumPlace::kSmallestModel ? "smaller models" : "larger models"));
}

// Stands for "never" among the draws: quantiles stay numbers, and are taken out again.
constexpr double kNeverReached = 1e300;
constexpr double kStillNumber = 1e100;

Interval finite_interval(double value, std::vector<double> draws, double level) {
  Interval out = interval_over(value, std::move(draws), level);
  if (out.low && *out.low > kStillNumber) out.low.reset();
  if (out.high && *out.high > kStillNumber) out.high.reset();
  return out;
}

struct DrawnPlans {
  std::vector<double> params, tokens, loss, flops;
  int runaway = 0;
  int unreachable = 0;

  void add(const std::optional<Solved>& solved) {
    if (!solved) {
      ++unreachable;
      for (auto* list : {&params, &tokens, &loss, &flops}) list->push_back(kNeverReached);
      return;
    }
    params.push_back(solved->best.params);
    tokens.push_back(solved->best.tokens);
    loss.push_back(solved->best.loss);
    flops.push_back(solved->flops);
    const OptimumPlace place = solved->best.place;
    runaway += place == OptimumPlace::kInterior || place == OptimumPlace::kCapped ? 0 : 1;
  }
};

// What was given has no interval: it is not estimated.
DrawnPlans fill_intervals(const LawFit& fit, const Spend& spend, const PlanRequest& request,
                          const Solved& best, Plan& plan) {
  DrawnPlans drawn;
  for (const LossSurface& surface : draw_surfaces(fit, request.settings)) {
    drawn.add(solve(surface, spend, request));
  }
  const double level = fit.interval_level;
  const auto over = [&](bool given, double value, const std::vector<double>& draws) {
    return given ? Interval{.value = value, .low = std::nullopt, .high = std::nullopt}
                 : finite_interval(value, draws, level);
  };
  plan.params = over(request.params.has_value(), best.best.params, drawn.params);
  plan.tokens = over(request.tokens.has_value(), best.best.tokens, drawn.tokens);
  plan.loss = over(request.loss.has_value(), best.best.loss, drawn.loss);
  if (request.loss) plan.needed_flops = over(false, best.flops, drawn.flops);
  return drawn;
}

// D of a shape: what it costs itself, where its blocks are those of the fitted runs, is surer than
// the law's f(N) between its nodes.
double shape_tokens(const LawFit& fit, const ModelConfig& model, const Spend& spend,
                    const Plan& plan) {
  if (fit.recipe.empty()) return spend.tokens(plan.flops, plan.shape.params);
  const double per_token = train_flops_per_token(model, parse_flop_convention(plan.convention));
  return plan.flops / per_token - spend.extra_tokens;
}

void fill_shape(const LawFit& fit, const PlanRequest& request, const LossSurface& surface,
                const Spend& spend, Plan& plan) {
  if (request.settings.experts || request.settings.sparsity) {
    warn(plan, "no_shape",
         "the shape rule is for dense models: choose the experts' shape yourself");
    return;
  }
  const ParamsCounted counted = parse_params_counted(plan.params_counted);
  try {
    plan.shape.model = sparse_shape_for_params(plan.params.value, request.options.base, counted);
    validate(plan.shape.model);
  } catch (const Error& error) {
    warn(plan, "no_shape", error.what());
    return;
  }
  plan.shape.params = counted_params(plan.shape.model, counted);
  const double tokens = shape_tokens(fit, plan.shape.model, spend, plan);
  if (!(tokens > 0)) {
    plan.shape.params = 0;
    warn(plan, "no_shape", "the shape nearest to N* leaves no token to train it on");
    return;
  }
  plan.shape.tokens = tokens;
  plan.shape.loss = surface(plan.shape.params, tokens);
}

// Training alone is what the law extrapolates, not what else the budget pays for.
void warn_of_extrapolation(const LawFit& fit, const PlanOptions& options, const Spend& spend,
                           Plan& plan) {
  if (!(fit.flops_high > 0)) return;
  const double training =
      spend.extra_tokens == 0 ? plan.flops : spend.flops(plan.params.value) * plan.tokens.value;
  plan.extrapolation = training / fit.flops_high;
  if (*plan.extrapolation <= options.extrapolation_factor) return;
  warn(plan, "extrapolation",
       fmt::format("{} FLOP is {:.{}f}x the largest fitted run: the intervals assume that the law "
                   "holds that far",
                   format_flops(training), *plan.extrapolation, *plan.extrapolation < 10 ? 1 : 0));
}

void warn_of_intervals(const LawFit& fit, const PlanOptions& options, const DrawnPlans& drawn,
                       Plan& plan) {
  if (drawn.flops.empty()) {
    warn(plan, "no_uncertainty",
         fmt::format("{} comes without draws: how sure its answer is, is not known", fit.law));
    return;
  }
  if (plan.params.low && plan.params.high &&
      *plan.params.high / *plan.params.low > options.wide_ratio) {
    warn(plan, "wide_interval",
         fmt::format(
             "the interval of params spans a factor of {:.3g}: the data hardly determine the "
             "size; add runs, larger ones first",
             *plan.params.high / *plan.params.low));
  }
  if (drawn.runaway > 0) {
    warn(plan, "runaway_draws",
         fmt::format("{} of {} draws have no optimum inside; they count as the ends of the range",
                     drawn.runaway, drawn.flops.size()));
  }
  if (drawn.unreachable > 0) {
    warn(plan, "unreachable_draws",
         fmt::format("{} of {} draws never reach that loss; they count as needing endless compute",
                     drawn.unreachable, drawn.flops.size()));
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

void warn_of_experts(const LawFit& fit, const SurfaceSettings& settings, Plan& plan) {
  if (!settings.experts || !(fit.experts_high > 0)) return;
  if (*settings.experts >= fit.experts_low && *settings.experts <= fit.experts_high) return;
  warn(plan, "experts_outside",
       fmt::format("{} experts: {} was fitted to {} to {}; beyond them it is a guess",
                   exact_number(*settings.experts), fit.law, exact_number(fit.experts_low),
                   exact_number(fit.experts_high)));
}

std::string binding_of(const PlanRequest& request, const Solved& best) {
  if (request.params) return "params";
  if (request.tokens) return "tokens";
  if (request.cap && best.best.place == OptimumPlace::kCapped) return request.cap->reason;
  return "";
}

Plan named_plan(const LawFit& fit, const PlanRequest& request, double flops) {
  Plan plan;
  plan.flops = flops;
  plan.convention = fit.flops.convention();
  plan.law = fit.law;
  plan.citation = fit.citation;
  plan.loss_unit = fit.loss_unit;
  plan.params_counted = fit.params_counted;
  plan.recipe = fit.recipe;
  plan.interval_level = fit.interval_level;
  plan.warnings = fit.warnings;
  plan.budget = request.budget;
  if (plan.budget.kind.empty()) plan.budget.kind = request.loss ? "loss" : "flops";
  return plan;
}

}  // namespace

ModelConfig planned_base(const LawFit& fit, const PlanOptions& options) {
  ModelConfig base = model_of(fit.recipe, options.base);
  base.vocab = options.vocab.value_or(base.vocab);
  base.context = options.context.value_or(base.context);
  return base;
}

Plan make_plan(const LawFit& fit, const PlanRequest& asked) {
  check_request(asked);
  PlanRequest request = asked;
  request.options.base = planned_base(fit, asked.options);
  request.settings = settled(fit, asked.settings);
  const LossSurface surface = surface_of(fit, request.settings);
  const Spend spend = spend_of(fit, request);
  const Solved best = solve_point(fit, surface, spend, request);
  Plan plan = named_plan(fit, request, best.flops);
  const DrawnPlans drawn = fill_intervals(fit, spend, request, best, plan);
  plan.binding = binding_of(request, best);
  if (!plan.binding.empty()) plan.against_optimum = against_optimum(surface, spend, best);
  plan.near_optimal = near_optimal(surface, spend, plan.flops, request.options.extra_compute);
  plan.price_of_size = price_of_size(surface, spend, plan.flops);
  warn_of_extrapolation(fit, request.options, spend, plan);
  warn_of_intervals(fit, request.options, drawn, plan);
  warn_of_ratio(fit, plan);
  warn_of_experts(fit, request.settings, plan);
  fill_shape(fit, request, surface, spend, plan);
  fill_details(request, surface, spend, plan);
  return plan;
}

Plan make_plan(const LawFit& fit, double flops, const PlanOptions& options) {
  return make_plan(fit, {.flops = flops, .options = options});
}

}  // namespace isoflop
