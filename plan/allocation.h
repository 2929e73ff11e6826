// The best use of a budget on any loss surface, under what else the budget has to pay for.
//
//   f(N) (D + K) = C,  K = D_fine-tune + w D_inference / 3
//
// A token of fine-tuning costs what a token of training does, f(N); one of inference a third of
// it, its forward pass (2 N under 6 N D); w is how much dearer its FLOPs are. So everything that
// is paid per token besides training is K more tokens, and
//
//   best_allocation     min over N of L(N, C / f(N) - K),  N in [params_low, params_high]
//   cheapest_for_loss   min over N, D of f(N) (D + K) such that L(N, D) = l: Sardana et al. 2023
//                       (arXiv:2401.00448), whose optimum has
//                       (alpha A / N^alpha) / (beta B / D^beta) = 1 + D_inf / (3 D)
//
// Chinchilla with K = 0 has its closed form (law/optimum.h); others are searched in ln N: a scan
// of the whole range, then golden sections around the best point, to 1e-9 in ln N where the loss
// has that many digits. The least compute for a loss is the root of L*(C) = l, which falls with C.
//
// Pure functions, safe from any thread.
#ifndef ISOFLOP_PLAN_ALLOCATION_H_
#define ISOFLOP_PLAN_ALLOCATION_H_

#include <limits>
#include <optional>

#include "core/flops.h"
#include "core/plan.h"
#include "law/optimum.h"
#include "plan/loss_surface.h"

namespace isoflop {

// What a model costs and which ones may be chosen.
struct Spend {
  FlopsPerToken flops = FlopsPerToken::six_n();
  double extra_tokens = 0;  // K
  double params_low = 1;
  double params_high = std::numeric_limits<double>::infinity();

  // D that the budget buys for N; not positive where it buys none.
  double tokens(double budget, double params) const {
    return budget / flops(params) - extra_tokens;
  }
};

// Infinite where the budget buys no token for N.
double loss_of_size(const LossSurface& surface, const Spend& spend, double budget, double params);

// Optimum::place is kCapped where params_low or params_high holds it. Throws Error(kUsage) for a
// budget that is not positive and finite; Error(kRefused, "budget_too_small") when it buys no token
// for any allowed N.
Optimum best_allocation(const LossSurface& surface, const Spend& spend, double budget);

// N such that the budget buys `tokens`, by bisection. Refuses like best_allocation.
double size_for_tokens(const Spend& spend, double budget, double tokens);

// D at which N has the loss; absent where it never does.
std::optional<double> tokens_for_loss(const LossSurface& surface, double params, double loss);
// N at which D has the loss; absent where it never does.
std::optional<double> params_for_loss(const LossSurface& surface, double tokens, double loss);

// The least budget whose best allocation has the loss; absent where none has.
std::optional<double> cheapest_for_loss(const LossSurface& surface, const Spend& spend,
                                        double loss);

// C / C' - 1, where C' is the least budget (of a free choice of N) for the excess loss `excess`.
double extra_compute_of(const LossSurface& surface, const Spend& spend, double budget,
                        double excess);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_ALLOCATION_H_
