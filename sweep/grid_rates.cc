#include "sweep/grid_rates.h"

#include <algorithm>
#include <cmath>

namespace isoflop {

RateAndBatch grid_rates(const std::optional<HyperLaw>& law, const Trial& trial, double tokens) {
  const double params = active_params_of(trial);
  RateAndBatch out = rate_rule(params, tokens, trial.model.context, trial.train.schedule);
  if (!law) return out;
  constexpr double kTrunkTokensPerParam = 30;
  const bool trunk = trial.train.schedule == "cooldown";
  const HyperPoint point = hyper_point(trial.model, trunk ? kTrunkTokensPerParam * params : tokens);
  if (const auto rate = rate_at(*law, point)) out.rate = rate->value;
  if (const auto batch = batch_at(*law, point)) {
    const auto context = static_cast<double>(trial.model.context);
    out.batch = std::max<std::int64_t>(1, std::llround(batch->value / context));
  }
  if (law->warmup_per_param > 0) {
    out.warmup_tokens = law->warmup_per_param * params_as(law->counted, point);
  }
  return out;
}

}  // namespace isoflop
