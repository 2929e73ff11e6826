// Which form predicts runs that are more expensive than those it was fitted on: each form is fitted
// on the cheap part (backtest.h says which) and judged by the root mean square of ln(predicted /
// measured) on the hidden part.
//
//   chinchilla        E + A / N^alpha + B / D^beta
//   chinchilla-equal  the same with alpha = beta (Gadre et al.'s form is this one in C and D / N)
//   kaplan            [(Nc / N)^(alpha_N / alpha_D) + Dc / D]^alpha_D
//   power             E + A / C^alpha: what knows only the budget
//   muennighoff       where every row says its unique_tokens and some repeat them
//
// A form that has more parameters must earn them outside its data: inside, it always fits better.
#ifndef ISOFLOP_FIT_MODEL_CHOICE_H_
#define ISOFLOP_FIT_MODEL_CHOICE_H_

#include <optional>
#include <span>

#include "core/diagnostics.h"
#include "core/observation.h"
#include "fit/backtest.h"
#include "fit/parametric_fit.h"

namespace isoflop {

// Rows must have their C. Empty when the rows that stay cannot be fitted.
std::optional<ModelChoice> choose_model(std::span<const Observation> observations,
                                        const ParametricOptions& options = {},
                                        const BacktestOptions& hiding = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_MODEL_CHOICE_H_
