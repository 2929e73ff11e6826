#include "plan/near_optimal.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "core/error.h"
#include "law/optimum.h"

namespace isoflop {
namespace {

// How far from the optimum a side is searched: a factor of e^60 is beyond any model.
constexpr double kFarthest = 60;

// The last x from `inside` towards `outside` at which `good` holds, by bisection until neighbouring
// doubles; `outside` itself when it is good.
template <typename Good>
double edge(double inside, double outside, Good good) {
  if (good(outside)) return outside;
  for (;;) {
    const double middle = 0.5 * (inside + outside);
    if (middle == inside || middle == outside) return inside;
    (good(middle) ? inside : outside) = middle;
  }
}

Spend free_choice(Spend spend) {
  spend.params_low = 1;
  spend.params_high = std::numeric_limits<double>::infinity();
  return spend;
}

// The loss without its floor: the comparison of close neighbours keeps its digits.
double excess_at(const LossSurface& surface, const Spend& spend, double flops, double params) {
  const double tokens = spend.tokens(flops, params);
  return tokens > 0 ? surface.excess(params, tokens) : std::numeric_limits<double>::infinity();
}

}  // namespace

NearOptimal near_optimal(const LossSurface& surface, const Spend& given, double flops,
                         double extra_compute) {
  if (!(extra_compute > 0) || !std::isfinite(extra_compute)) {
    throw usage_error(fmt::format("extra compute: {}: must be positive, like 0.05", extra_compute));
  }
  const Spend spend = free_choice(given);
  const Optimum best = best_allocation(surface, spend, flops);
  const Optimum less = best_allocation(surface, spend, flops / (1 + extra_compute));
  const double lowest = surface.excess(best.params, best.tokens);
  const double enough = surface.excess(less.params, less.tokens);
  const auto good = [&](double x) {
    return excess_at(surface, spend, flops, std::exp(x)) <= enough;
  };
  const double centre = std::log(best.params);
  const double low = edge(centre, std::max(centre - kFarthest, 0.0), good);
  const double high = edge(centre, centre + kFarthest, good);
  NearOptimal out{.extra_compute = extra_compute,
                  .params_low = std::exp(low),
                  .params_high = std::exp(high),
                  .loss_difference = 0};
  for (const double params : {out.params_low, out.params_high}) {
    const double excess = excess_at(surface, spend, flops, params);
    out.loss_difference = std::max(out.loss_difference, excess - lowest);
  }
  return out;
}

NearOptimal near_optimal(const LawParameters& law, const FlopsPerToken& flops_per_token,
                         double flops, double extra_compute) {
  return near_optimal(LossSurface(law, {}), {.flops = flops_per_token}, flops, extra_compute);
}

std::vector<SizePrice> price_of_size(const LossSurface& surface, const Spend& given, double flops,
                                     const std::vector<double>& factors) {
  const Spend spend = free_choice(given);
  const Optimum best = best_allocation(surface, spend, flops);
  const double lowest = surface.excess(best.params, best.tokens);
  std::vector<SizePrice> prices;
  for (const double factor : factors) {
    const double params = factor * best.params;
    const double excess = excess_at(surface, spend, flops, params);
    if (!(params >= 1) || !std::isfinite(excess)) continue;
    prices.push_back({.factor = factor,
                      .params = params,
                      .tokens = spend.tokens(flops, params),
                      .loss = surface.floor() + excess,
                      .loss_difference = excess - lowest,
                      .extra_compute = extra_compute_of(surface, spend, flops, excess)});
  }
  return prices;
}

}  // namespace isoflop
