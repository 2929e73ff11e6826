// The compute-optimal model: which N and D reach the lowest loss when f(N) D = C.
//
//   6 N D     N* = G (C / 6)^(beta / (alpha + beta)),  D* = (C / 6)^(alpha / (alpha + beta)) / G,
//             G = (alpha A / (beta B))^(1 / (alpha + beta))          (Hoffmann et al. 2022, eq. 4)
//   any f(N)  f is a power law between its nodes, f ~ N^s, so that each piece has the same closed
//   form
//             with s beta for beta,  alpha A N^-alpha = s beta B D^-beta,  clamped to the piece;
//             the best piece wins. Exact: no iteration, no tolerance.
//
// N is searched between 1 and the size at which D falls to 1 token; a law whose optimum lies at an
// end (alpha or beta not positive, A or B zero) says so.
//
// Errors: Error(kUsage) when flops is not positive and finite.
#ifndef ISOFLOP_LAW_OPTIMUM_H_
#define ISOFLOP_LAW_OPTIMUM_H_

#include "core/flops.h"
#include "core/law_fit.h"

namespace isoflop {

// kCapped: at the smallest or largest N that was allowed (plan/allocation.h).
enum class OptimumPlace { kInterior, kSmallestModel, kFewestTokens, kCapped };

struct Optimum {
  double params = 0;
  double tokens = 0;
  double loss = 0;  // nats per token
  OptimumPlace place = OptimumPlace::kInterior;
};

Optimum compute_optimum(const LawParameters& law, const FlopsPerToken& flops_per_token,
                        double flops);

// L at size N when the whole budget is spent there: D = C / f(N).
double loss_at_size(const LawParameters& law, const FlopsPerToken& flops_per_token, double flops,
                    double params);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_OPTIMUM_H_
