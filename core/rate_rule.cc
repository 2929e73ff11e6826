#include "core/rate_rule.h"

#include <algorithm>
#include <cmath>

namespace isoflop {

RateAndBatch rate_rule(double params, double tokens, std::int64_t context) {
  constexpr double kMeasuredContext = 128;
  constexpr double kOneSequence = 2e5;  // tokens; below this, batches of one
  const double sequences =
      tokens < kOneSequence ? 1
                            : std::clamp(std::round(std::sqrt(tokens / kOneSequence)), 2.0, 16.0);
  const double batch = kMeasuredContext * sequences / static_cast<double>(context);
  return {.rate = std::clamp(std::pow(params, -0.45), 3e-4, 0.03),
          .batch = std::max<std::int64_t>(1, std::llround(batch))};
}

}  // namespace isoflop
