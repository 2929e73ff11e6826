// Which form predicts runs that are more expensive than those it was fitted on: each form is fitted
// on the cheap part (backtest.h says which) and judged by the root mean square of ln(predicted /
// measured) on the hidden part.
//
//   chinchilla           E + A / N^alpha + B / D^beta
//   chinchilla-equal     the same with alpha = beta
//   kaplan               [(Nc / N)^(alphaN / alphaD) + Dc / D]^alphaD  (Kaplan et al. 2020,
//   eq. 1.5) power-of-compute     E + K / C^gamma: what knows only the budget average the mean of
//   the forms' predictions, each weighted by exp(-n ln rms_fitted): a
//                        form that is much better inside has the say
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

// Empty when the rows that stay cannot be fitted.
std::optional<ModelChoice> choose_model(std::span<const Observation> observations,
                                        const ParametricOptions& options = {},
                                        const BacktestOptions& hiding = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_MODEL_CHOICE_H_
