// From a law and a budget to advice: size, tokens and loss with intervals, how flat the choice is,
// what other sizes would waste, a concrete shape, rates, cost, and every reason to distrust the
// answer.
//
// The target is a budget in FLOP or a loss (the cheapest way there). A budget pays for everything
// that is asked for: training, fine-tuning, inference (plan/allocation.h). N or D may be given, or
// N be capped; then the budget decides the rest and the plan says what that wastes against the free
// choice.
//
// Intervals are quantiles over the fit's draws (level from the fit) of each draw's own N*, D* and
// L* under the same constraints. A draw whose optimum runs away to an end of the search range stays
// in, and is counted in a warning. Under a target loss, a draw that never gets there needs infinite
// compute; where the quantile is infinite, that end of the interval is absent.
//
// Warnings, beside the fit's own:
//   no_uncertainty            the law has no draws (presets)
//   extrapolation             C is beyond the largest fitted C, with the factor
//   wide_interval             high / low of N* above 4
//   runaway_draws             some draws have no optimum inside
//   unreachable_draws         some draws never reach the target loss
//   tokens_per_param_outside  D* / N* outside the fitted data's range
//   no_shape                  the rule has no shape near N*
//   many_epochs               more than 4 passes over the unique tokens: new data would be worth
//   more precision_missing         the device has no such arithmetic: its next best was taken
//
// Errors: Error(kUsage) for a request that says nothing or too much, or numbers that are not
// positive and finite; Error(kRefused) with code
//   no_optimum        the law itself has no optimum inside
//   unreachable_loss  the target is at or below what any model of the law reaches
//   budget_too_small  it buys no token for any allowed size, or less than the tokens asked for
//   no_trade_off      the law is not one of N and D
#ifndef ISOFLOP_PLAN_MAKE_PLAN_H_
#define ISOFLOP_PLAN_MAKE_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/law_fit.h"
#include "core/model_config.h"
#include "core/plan.h"
#include "plan/fleet.h"
#include "plan/loss_surface.h"
#include "plan/size_cap.h"

namespace isoflop {

struct PlanOptions {
  double extra_compute = 0.05;      // of the near-optimal band
  double extrapolation_factor = 1;  // warn when C exceeds the largest fitted C by more than this
  double wide_ratio = 4;            // warn when high / low of N* exceeds this
  // What the shape rule does not choose: vocabulary, context, positions, norm, tying. The default
  // is a GPT-like model with a vocabulary of 32,000 and a context of 2,048.
  // Where the fit says what its runs were (LawFit::recipe), that comes before it.
  ModelConfig base = {.vocab = 32000, .context = 2048};
  // Asked for: before both.
  std::optional<std::int64_t> vocab = {};
  std::optional<std::int64_t> context = {};
};

struct PlanRequest {
  std::optional<double> flops;  // one of these two
  std::optional<double> loss;   // nats per token
  PlanBudget budget;            // how flops or loss was said; for the answer

  std::optional<double> params;  // at most one of these two
  std::optional<double> tokens;
  std::optional<SizeCap> cap;

  SurfaceSettings settings;  // unique tokens, experts, ...
  double inference_tokens = 0;
  double fine_tune_tokens = 0;
  double inference_weight = 1;  // price of a FLOP of inference over one of training

  std::optional<Fleet> fleet;
  bool memory = false;                      // say what the model weighs
  std::optional<double> memory_per_device;  // bytes; and on how many devices it trains
  std::string serve_precision = "bf16";     // of weights when served

  bool iso_loss = false;           // what other sizes need for the plan's loss
  std::vector<double> iso_params;  // which; empty: around N*
  PlanOptions options;
};

Plan make_plan(const LawFit& fit, const PlanRequest& request);
// What the shape rule does not choose, by the request, the fit's recipe and the options' base.
ModelConfig planned_base(const LawFit& fit, const PlanOptions& options);
Plan make_plan(const LawFit& fit, double flops, const PlanOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_MAKE_PLAN_H_
