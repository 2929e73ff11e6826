#include "plan/training_advice.h"

#include <cmath>

namespace isoflop {
namespace {

bool within(double value, double low, double high) { return value >= low && value <= high; }

RateAdvice deepseek(double flops) {
  return {.law = "deepseek",
          .citation = "DeepSeek-AI 2024, arXiv:2401.02954; measured at 1e17 to 2e19 FLOP",
          .rate = 0.3118 * std::pow(flops, -0.1250),
          .batch_tokens = 0.2920 * std::pow(flops, 0.3271),
          .inside = within(flops, 1e17, 2e19)};
}

RateAdvice step_law(double params, double tokens) {
  return {.law = "steplaw",
          .citation =
              "Li et al. 2025, arXiv:2503.04715; measured at 60M to 1B parameters, 2B to 100B "
              "tokens",
          .rate = 1.79 * std::pow(params, -0.713) * std::pow(tokens, 0.307),
          .batch_tokens = 0.58 * std::pow(tokens, 0.571),
          .inside = within(params, 60e6, 1.1e9) && within(tokens, 2e9, 100e9)};
}

RateAdvice porian(double params, double tokens) {
  return {.law = "porian",
          .citation =
              "Porian et al. 2024, arXiv:2406.19146; measured at 5M to 108M parameters, 20 tokens "
              "a parameter",
          .rate = 3.7 * std::pow(params, -0.36),
          .batch_tokens = 2048 * 0.00037 * std::pow(params, 0.703),
          .inside = within(params, 5e6, 108e6) && within(tokens / params, 10, 40)};
}

}  // namespace

TrainingAdvice training_advice(double flops, double params, double tokens, double loss) {
  TrainingAdvice advice{.laws = {step_law(params, tokens), deepseek(flops), porian(params, tokens)},
                        .critical_batch_tokens = 2e8 / std::pow(loss, 1 / 0.21)};
  for (RateAdvice& law : advice.laws) law.steps = std::ceil(tokens / *law.batch_tokens);
  return advice;
}

}  // namespace isoflop
