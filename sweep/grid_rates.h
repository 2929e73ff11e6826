// Peak rate, batch and warm-up of a grid's trial: by the program's rule (core/rate_rule.h), or by
// the law that the grid names under [rates] (core/hyper_law.h) where that says them.
//
// The law's N and C are those of the trial's own shape. Trials of schedule `cooldown` share their
// trunk whatever D is, so that a law of D is asked at D = 30 N, as the rule is. The trial stores
// plain numbers: its identity does not know where they came from.
#ifndef ISOFLOP_SWEEP_GRID_RATES_H_
#define ISOFLOP_SWEEP_GRID_RATES_H_

#include <optional>

#include "core/hyper_law.h"
#include "core/rate_rule.h"
#include "core/trial.h"

namespace isoflop {

// What a law is asked at.
HyperPoint grid_point(const Trial& trial, double tokens);

RateAndBatch grid_rates(const std::optional<HyperLaw>& law, const Trial& trial, double tokens);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_GRID_RATES_H_
