// N*(C) of the Chinchilla law, for rooms below plan/ (which has the optimum of every law).
//
//   6 N D     N* = G (C / 6)^(beta / (alpha + beta)),  G = (alpha A / (beta B))^(1 / (alpha +
//   beta)) any f(N)  the minimum over ln N of L(N, C / f(N)), by steps of 28 % and then a golden
//   section
#ifndef ISOFLOP_LAW_CHINCHILLA_OPTIMUM_H_
#define ISOFLOP_LAW_CHINCHILLA_OPTIMUM_H_

#include "core/flops.h"
#include "core/law_parameters.h"

namespace isoflop {

// N* at `flops`, between 1 and 1e24. The law's parameters but E must be positive.
double chinchilla_optimum(const LawParameters& law, double flops,
                          const FlopsPerToken& flops_per_token = FlopsPerToken::six_n());

}  // namespace isoflop

#endif  // ISOFLOP_LAW_CHINCHILLA_OPTIMUM_H_
