#include "core/rate_rule.h"

#include <algorithm>
#include <cmath>

namespace isoflop {

RateAndBatch rate_rule(double params, double tokens, std::int64_t context) {
  (void)context;
  const double batch = std::clamp(0.004 * std::sqrt(tokens), 2.0, 16.0);
  return {.rate = std::clamp(0.6 * std::pow(params, -0.4), 1e-5, 0.03),
          .batch = std::llround(batch)};
}

}  // namespace isoflop
