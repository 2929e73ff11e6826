#include "core/rate_rule.h"

#include <algorithm>
#include <cmath>

namespace isoflop {

RateAndBatch rate_rule(double params, double tokens, std::int64_t context) {
  constexpr double kMeasuredContext = 128;
  const double batch_tokens =
      kMeasuredContext * std::clamp(std::round(std::sqrt(tokens / 2e5)), 2.0, 16.0);
  return {.rate = std::clamp(std::pow(params, -0.45), 3e-4, 0.03),
          .batch =
              std::max<std::int64_t>(1, std::llround(batch_tokens / static_cast<double>(context)))};
}

}  // namespace isoflop
