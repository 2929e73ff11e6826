// The same runs under other ways of counting: total or non-embedding parameters, 6 N D or exact
// FLOPs.
//
// For each of the four the law is fitted on (N, D) in that count and N*(C) is followed from the
// smallest to the largest C in that count; a = d ln N* / d ln C over that range. Under 6 N D it is
// beta / (alpha + beta) exactly; where C / D is no multiple of N it is solved for numerically.
//
// Counts come from the rows' extra columns (nonembedding_params, exact_flops) where every row has
// them. Without the former, Pearce and Song's relation of Hoffmann's models stands in,
//   N_T = N + omega N^(1/3),  omega = 47491   (Pearce and Song 2024, eq. 9);
// without the latter the exact rows are not usable. Which was used is said in `how`.
//
// Leaving out embeddings bends N*(C) of small models: that is how Kaplan et al. (2020) came to
// 0.73. `nonembedding` repeats Pearce and Song's demonstration with the fitted law: at 100 budgets
// from 10^12.95 to 10^20.7 FLOP (6 N D), 20 sizes from 10^2.9 to 10^9.2 and a grid of 1,000 token
// counts from 1e6 to 1e25, the best size, and a straight line through ln N* against ln C. With
// Besiroglu's law it gives .7805, with Hoffmann's .7388; the lines through large models (1.5e10 to
// 1e11) .5147 and .4586.
#ifndef ISOFLOP_FIT_CONVENTIONS_H_
#define ISOFLOP_FIT_CONVENTIONS_H_

#include <span>

#include "core/diagnostics.h"
#include "core/flops.h"
#include "core/observation.h"
#include "fit/parametric_fit.h"

namespace isoflop {

inline constexpr double kPearceSongOmega = 47491;

// N_T of N without embeddings, and back.
double total_params_of(double nonembedding_params);
double nonembedding_params_of(double total_params);

NonembeddingSlope nonembedding_slope(const LawParameters& law);

// The rows must have passed check_observations.
ConventionTable compare_conventions(std::span<const Observation> observations,
                                    const LawParameters& law,
                                    const ParametricOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_CONVENTIONS_H_
