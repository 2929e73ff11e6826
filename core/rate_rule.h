// The rule for peak rate and batch where a sweep does not set them.
#ifndef ISOFLOP_CORE_RATE_RULE_H_
#define ISOFLOP_CORE_RATE_RULE_H_

#include <cstdint>

namespace isoflop {

struct RateAndBatch {
  double rate = 0;         // AdamW's peak
  std::int64_t batch = 0;  // sequences a step
};

// For a model of N = `params` trained on D = `tokens` in sequences of `context` tokens.
RateAndBatch rate_rule(double params, double tokens, std::int64_t context);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_RATE_RULE_H_
