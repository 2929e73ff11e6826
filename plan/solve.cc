#include "plan/solve.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

Optimum given_point(const LossSurface& surface, double params, double tokens) {
  return {.params = params,
          .tokens = tokens,
          .loss = surface(params, tokens),
          .place = OptimumPlace::kCapped};
}

Solved fixed_size(const LossSurface& surface, const Spend& spend, double params, double flops) {
  const double tokens = spend.tokens(flops, params);
  if (tokens > 0) return {given_point(surface, params, tokens), flops};
  throw refusal("budget_too_small",
                fmt::format("plan: {} FLOP buy no token of training for {} parameters beside what "
                            "else they have to pay for: give more, or a smaller --params",
                            format_flops(flops), format_quantity(params)));
}

Solved priced(const LossSurface& surface, const Spend& spend, double params, double tokens) {
  return {given_point(surface, params, tokens),
          spend.flops(params) * (tokens + spend.extra_tokens)};
}

std::optional<Solved> solve_loss(const LossSurface& surface, const Spend& spend,
                                 const PlanRequest& request, double loss) {
  if (request.params) {
    const auto tokens = tokens_for_loss(surface, *request.params, loss);
    if (!tokens) return std::nullopt;
    return priced(surface, spend, *request.params, *tokens);
  }
  if (request.tokens) {
    const auto params = params_for_loss(surface, *request.tokens, loss);
    if (!params) return std::nullopt;
    return priced(surface, spend, *params, *request.tokens);
  }
  const auto flops = cheapest_for_loss(surface, spend, loss);
  if (!flops) return std::nullopt;
  return Solved{best_allocation(surface, spend, *flops), *flops};
}

}  // namespace

Spend spend_of(const LawFit& fit, const PlanRequest& request) {
  Spend spend{.flops = fit.flops};
  // A forward pass is a third of forward and backward.
  spend.extra_tokens =
      request.fine_tune_tokens + request.inference_weight * request.inference_tokens / 3;
  if (request.cap) spend.params_high = request.cap->params;
  return spend;
}

std::optional<Solved> solve(const LossSurface& surface, const Spend& spend,
                            const PlanRequest& request) {
  if (request.loss) return solve_loss(surface, spend, request, *request.loss);
  const double flops = *request.flops;
  if (request.params) return fixed_size(surface, spend, *request.params, flops);
  if (request.tokens) {
    const double params = size_for_tokens(spend, flops, *request.tokens);
    return Solved{given_point(surface, params, *request.tokens), flops};
  }
  return Solved{best_allocation(surface, spend, flops), flops};
}

}  // namespace isoflop
