#include "plan/training_advice.h"

#include <cmath>

namespace isoflop {
namespace {

RateAdvice advice_of(const char* name, const HyperPoint& point) {
  const HyperLaw& law = published_hyper_law(name);
  const double batch = batch_at(law, point)->value;
  return {.law = law.name,
          .citation = law.citation + "; measured at " + range_text(law),
          .rate = rate_at(law, point)->value,
          .batch_tokens = batch,
          .steps = std::ceil(point.tokens / batch),
          .inside = outside_of(law, point).empty()};
}

}  // namespace

TrainingAdvice training_advice(const HyperPoint& point, double loss) {
  return {.laws = {advice_of("steplaw", point), advice_of("deepseek", point),
                   advice_of("porian", point)},
          .critical_batch_tokens = 2e8 / std::pow(loss, 1 / 0.21)};
}

TrainingAdvice training_advice(double flops, double params, double tokens, double loss) {
  HyperPoint point = hyper_point(params, tokens);
  point.flops = flops;
  return training_advice(point, loss);
}

}  // namespace isoflop
