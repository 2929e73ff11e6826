#include "plan/near_optimal.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "plan/optimum.h"

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

}  // namespace

NearOptimal near_optimal(const LawParameters& law, const FlopsPerToken& flops_per_token,
                         double flops, double extra_compute) {
  if (!(extra_compute > 0) || !std::isfinite(extra_compute)) {
    throw usage_error(fmt::format("extra compute: {}: must be positive, like 0.05", extra_compute));
  }
  // E is the same everywhere: without it the comparison keeps its digits.
  LawParameters excess = law;
  excess.E = 0;
  const Optimum best = compute_optimum(excess, flops_per_token, flops);
  const double enough = compute_optimum(excess, flops_per_token, flops / (1 + extra_compute)).loss;
  const auto good = [&](double x) {
    return loss_at_size(excess, flops_per_token, flops, std::exp(x)) <= enough;
  };
  const double centre = std::log(best.params);
  const double low = edge(centre, std::max(centre - kFarthest, 0.0), good);
  const double high = edge(centre, centre + kFarthest, good);
  NearOptimal out{.extra_compute = extra_compute,
                  .params_low = std::exp(low),
                  .params_high = std::exp(high),
                  .loss_difference = 0};
  for (const double params : {out.params_low, out.params_high}) {
    const double loss = loss_at_size(excess, flops_per_token, flops, params);
    out.loss_difference = std::max(out.loss_difference, loss - best.loss);
  }
  return out;
}

}  // namespace isoflop
