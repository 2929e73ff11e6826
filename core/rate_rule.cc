#include "core/rate_rule.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

// The best constant rate before a cooldown over the best peak of a cosine.
constexpr double kCooldownRate = 0.7;
// D / N at which a trunk's batch is chosen.
constexpr double kTrunkTokensPerParam = 30;

double cosine_rate(double params) { return std::clamp(std::pow(params, -0.45), 3e-4, 0.03); }

std::int64_t batch_for(double tokens, std::int64_t context) {
  constexpr double kMeasuredContext = 128;
  constexpr double kOneSequence = 2e5;  // tokens; below this, batches of one
  const double sequences =
      tokens < kOneSequence ? 1
                            : std::clamp(std::round(std::sqrt(tokens / kOneSequence)), 2.0, 16.0);
  const double batch = kMeasuredContext * sequences / static_cast<double>(context);
  return std::max<std::int64_t>(1, std::llround(batch));
}

}  // namespace

RateAndBatch rate_rule(double params, double tokens, std::int64_t context,
                       std::string_view schedule) {
  if (schedule == "cooldown") {
    return {.rate = kCooldownRate * cosine_rate(params),
            .batch = batch_for(kTrunkTokensPerParam * params, context),
            .warmup_tokens = params};
  }
  return {.rate = cosine_rate(params), .batch = batch_for(tokens, context)};
}

}  // namespace isoflop
