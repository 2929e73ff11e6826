// All that can be said about how far a fit can be trusted, in one call.
#ifndef ISOFLOP_FIT_DIAGNOSE_H_
#define ISOFLOP_FIT_DIAGNOSE_H_

#include <cstdint>
#include <span>

#include "core/diagnostics.h"
#include "core/flops.h"
#include "core/observation.h"
#include "fit/backtest.h"
#include "fit/parametric_fit.h"

namespace isoflop {

struct DiagnoseOptions {
  double budget = 0;  // C at which answers are compared; 0: 100 times the largest C
  ParametricOptions parametric;
  FlopsPerToken flops = FlopsPerToken::six_n();
  std::uint64_t seed = 0;
  bool influence = true;
  bool conventions = true;
  bool model_choice = true;
  BacktestOptions hiding;  // what model choice hides
};

// `fit` is the fit of these rows, which have their C. Warnings of all parts are in
// Diagnostics.warnings: influential_rows, residual_trend, and those of identifiability.h.
Diagnostics diagnose(std::span<const Observation> observations, const ParametricFit& fit,
                     const DiagnoseOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_FIT_DIAGNOSE_H_
