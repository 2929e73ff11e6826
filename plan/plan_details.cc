#include "plan/plan_details.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "core/params_counted.h"
#include "core/units.h"
#include "plan/size_trade.h"
#include "plan/training_advice.h"
#include "plan/tune.h"

namespace isoflop {
namespace {

// Muennighoff et al. 2023: to 4 passes repeated tokens are worth nearly what new ones are.
constexpr double kHarmlessEpochs = 4;
// Sizes of the iso-loss table around N*.
constexpr double kIsoFactors[] = {0.125, 0.25, 0.5, 1, 2, 4, 8};
constexpr double kFolkSmall = 1e8;  // "a 1B model needs a 10 times smaller data set than a 100M"
constexpr double kFolkLarge = 1e9;

void fill_spending(const PlanRequest& request, const Spend& spend, Plan& plan) {
  const double per_token = spend.flops(plan.params.value);
  Spending spending{.training = per_token * plan.tokens.value,
                    .fine_tuning = per_token * request.fine_tune_tokens,
                    .inference = per_token / 3 * request.inference_tokens};
  spending.total = spending.training + spending.fine_tuning + spending.inference;
  plan.spending = spending;
  plan.inference_tokens = request.inference_tokens;
  plan.fine_tune_tokens = request.fine_tune_tokens;
}

void fill_epochs(const PlanRequest& request, Plan& plan) {
  if (!request.settings.unique_tokens) return;
  const double cap = *request.settings.unique_tokens;
  plan.unique_tokens = cap;
  plan.epochs = plan.tokens.value / std::min(cap, plan.tokens.value);
  if (*plan.epochs <= kHarmlessEpochs) return;
  plan.warnings.push_back(
      {"many_epochs", fmt::format("{:.3g} passes over {} unique tokens: beyond {:.0f} each repeats "
                                  "little; more text would be worth more than more compute",
                                  *plan.epochs, format_quantity(cap), kHarmlessEpochs)});
}

void fill_memory(const PlanRequest& request, Plan& plan) {
  const double total = total_params(plan.params.value, request.settings);
  if (request.settings.experts || request.settings.sparsity) plan.total_params = total;
  if (request.memory || request.memory_per_device) {
    plan.memory = memory_need(total, request.serve_precision, request.memory_per_device);
  }
}

void fill_cost(const PlanRequest& request, Plan& plan) {
  if (!request.fleet) return;
  plan.cost = cost_of(*request.fleet, plan.spending->training + plan.spending->fine_tuning);
}

std::vector<double> iso_sizes(const PlanRequest& request, const Plan& plan) {
  if (!request.iso_params.empty()) return request.iso_params;
  std::vector<double> sizes;
  for (const double factor : kIsoFactors) sizes.push_back(factor * plan.params.value);
  return sizes;
}

void fill_iso_loss(const PlanRequest& request, const LossSurface& surface, const Spend& spend,
                   Plan& plan) {
  if (!request.iso_loss) return;
  const double loss = plan.loss.value;
  Spend free = spend;
  free.params_high = std::numeric_limits<double>::infinity();
  const auto cheapest = cheapest_for_loss(surface, free, loss);
  for (const double params : iso_sizes(request, plan)) {
    IsoLossRow row{.params = params, .tokens = tokens_for_loss(surface, params, loss)};
    if (row.tokens) row.flops = spend.flops(params) * (*row.tokens + spend.extra_tokens);
    if (row.flops && cheapest) row.extra_compute = std::max(0.0, *row.flops / *cheapest - 1);
    plan.iso_loss.push_back(row);
  }
  const auto& pair = request.iso_params;
  const bool given = pair.size() == 2 && pair[0] != pair[1];
  plan.size_trade = size_trade(surface, given ? std::min(pair[0], pair[1]) : kFolkSmall,
                               given ? std::max(pair[0], pair[1]) : kFolkLarge, 10, loss);
}

void assume_cost(const Plan& plan, std::vector<std::string>& out) {
  if (!plan.cost) return;
  const DeviceCost& cost = *plan.cost;
  out.push_back(
      fmt::format("an MFU of {:.3g} % ({}, dense {} peak {:.4g} TFLOP/s) and no time lost to "
                  "failures or waiting",
                  100 * cost.mfu, cost.device, cost.precision, cost.peak_flops / 1e12));
  if (cost.watts) {
    out.push_back(fmt::format("energy at {:.4g} W a device, without hosts, network and cooling",
                              *cost.watts));
  }
  if (cost.price) {
    out.push_back(fmt::format("${:.2f} a device hour ({})", *cost.price, cost.price_source));
  }
}

void assume_data(const PlanRequest& request, std::vector<std::string>& out) {
  if (request.settings.unique_tokens) {
    out.push_back(
        fmt::format("at most {} unique tokens; repeated ones count for less "
                    "(Muennighoff et al. 2023, arXiv:2305.16264)",
                    format_quantity(*request.settings.unique_tokens)));
  }
  if (request.inference_tokens > 0) {
    out.push_back(fmt::format(
        "the budget also pays for {} tokens of inference at a third of the "
        "FLOP of training each (Sardana et al. 2023, arXiv:2401.00448){}",
        format_quantity(request.inference_tokens),
        request.inference_weight == 1
            ? ""
            : fmt::format(", each FLOP of them {:.3g} times as dear", request.inference_weight)));
  }
  if (request.fine_tune_tokens > 0) {
    out.push_back(fmt::format("the budget also pays for fine-tuning on {} tokens",
                              format_quantity(request.fine_tune_tokens)));
  }
}

void assume_model(const PlanRequest& request, const Plan& plan, std::vector<std::string>& out) {
  const std::string counted = words_of(parse_params_counted(plan.params_counted));
  if (!counted.empty() && !plan.total_params) out.push_back(counted + ", as the law's fit does");
  if (plan.total_params) {
    out.push_back(fmt::format(
        "N counts what a token passes through; {} in all{}", format_quantity(*plan.total_params),
        request.settings.weights.empty() ? ", the experts being two thirds of a dense block"
                                         : ", as the fitted runs weigh"));
  }
  if (plan.memory) {
    out.push_back(
        "memory without activations and caches of keys and values; 16 bytes a parameter in "
        "training");
  }
  if (request.cap && request.cap->reason == "latency") {
    out.push_back("latency of one sequence: each token reads all active weights once");
  }
}

}  // namespace

AgainstOptimum against_optimum(const LossSurface& surface, const Spend& spend, const Solved& plan) {
  Spend free = spend;
  free.params_high = std::numeric_limits<double>::infinity();
  const Optimum best = best_allocation(surface, free, plan.flops);
  const double here = surface.excess(plan.best.params, plan.best.tokens);
  return {.params = best.params,
          .tokens = best.tokens,
          .loss = best.loss,
          .loss_difference = here - surface.excess(best.params, best.tokens),
          .extra_compute = extra_compute_of(surface, free, plan.flops, here)};
}

void fill_details(const PlanRequest& request, const LossSurface& surface, const Spend& spend,
                  Plan& plan) {
  fill_spending(request, spend, plan);
  fill_epochs(request, plan);
  fill_memory(request, plan);
  fill_cost(request, plan);
  fill_iso_loss(request, surface, spend, plan);
  const bool sparse = plan.shape.params > 0 && plan.shape.model.sparse();
  const HyperPoint point =
      sparse ? hyper_point(plan.shape.model, plan.tokens.value)
             : hyper_point_near(plan.params.value, plan.tokens.value, request.options.base);
  plan.training = training_advice(point, plan.loss.value);
  plan.assumptions.push_back(
      "training like the law's runs: such text and tokenizer, tuned rates, a schedule that ends at "
      "D");
  assume_data(request, plan.assumptions);
  assume_model(request, plan, plan.assumptions);
  assume_cost(plan, plan.assumptions);
}

}  // namespace isoflop
