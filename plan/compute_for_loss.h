// The least compute that reaches a loss: the inverse of the frontier L*(C) of law/optimum.h.
//
//   C_opt(L) = min { C : L*(C) <= L }
//
// ln(L* - E) is nearly a straight line in ln C (exactly one under 6 N D), so a bracketed secant in
// these coordinates ends within a few steps, at 1e-12 relative.
#ifndef ISOFLOP_PLAN_COMPUTE_FOR_LOSS_H_
#define ISOFLOP_PLAN_COMPUTE_FOR_LOSS_H_

#include "core/flops.h"
#include "core/law_fit.h"

namespace isoflop {

// FLOP under f's convention. Infinite when no compute reaches it (loss <= E). `hint`: a budget to
// start from. Error(kUsage) when loss or hint is not positive and finite.
double compute_for_loss(const LawParameters& law, const FlopsPerToken& flops_per_token, double loss,
                        double hint = 1e21);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_COMPUTE_FOR_LOSS_H_
