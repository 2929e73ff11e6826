// Two sizes, one loss: L(N1, D1) = L(N2, D2) with N1 < N2. "A model of 1B needs a 10 times smaller
// data set than one of 100M" holds at one D only. For Chinchilla's law
//
//   B (D2^-beta - D1^-beta) = A (N1^-alpha - N2^-alpha) =: gap
//
//   D1 / D2 = r where D1 = (B (r^beta - 1) / gap)^(1/beta); the ratio grows with D without end
//   D2 >= (B / gap)^(1/beta): no D1 reaches the loss of the larger model
//
// For other laws the same by bisection on ln D.
#ifndef ISOFLOP_PLAN_SIZE_TRADE_H_
#define ISOFLOP_PLAN_SIZE_TRADE_H_

#include <optional>

#include "core/plan.h"
#include "plan/loss_surface.h"

namespace isoflop {

// `loss`: where the two token counts are wanted. Error(kUsage) unless small < large and ratio > 1.
SizeTrade size_trade(const LossSurface& surface, double small, double large, double ratio = 10,
                     std::optional<double> loss = std::nullopt);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_SIZE_TRADE_H_
