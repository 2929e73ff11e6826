#include "sweep/grid_rates.h"

#include <algorithm>
#include <cmath>

namespace isoflop {

HyperPoint grid_point(const Trial& trial, double tokens) {
  constexpr double kTrunkTokensPerParam = 30;
  const bool trunk = trial.train.schedule == "cooldown";
  return hyper_point(trial.model, trunk ? kTrunkTokensPerParam * active_params_of(trial) : tokens);
}

RateAndBatch grid_rates(const std::optional<HyperLaw>& law, const Trial& trial, double tokens) {
  const double params = active_params_of(trial);
  RateAndBatch out = rate_rule(params, tokens, trial.model.context, trial.train.schedule);
  if (!law) return out;
  const HyperPoint point = grid_point(trial, tokens);
  if (const auto rate = rate_at(*law, point)) out.rate = rate->value;
  if (const auto batch = batch_at(*law, point)) {
    constexpr double kMost = 1e15;  // sequences: more than any D, and few enough to round
    const double sequences = batch->value / static_cast<double>(trial.model.context);
    out.batch = std::llround(std::clamp(sequences, 1.0, kMost));
  }
  if (law->warmup_per_param > 0) {
    out.warmup_tokens = law->warmup_per_param * params_as(law->counted, point);
  }
  return out;
}

}  // namespace isoflop
