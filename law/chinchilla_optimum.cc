#include "law/chinchilla_optimum.h"

#include <algorithm>
#include <cmath>

#include "law/loss_law.h"

namespace isoflop {
namespace {

constexpr double kLargestLog = 24 * 2.302585092994046;  // ln 1e24
constexpr double kCoarseStep = 0.25;
constexpr double kGolden = 0.6180339887498949;

double closed_form(const LawParameters& law, double flops) {
  const double sum = law.alpha + law.beta;
  const double log_g = (std::log(law.alpha * law.A) - std::log(law.beta * law.B)) / sum;
  return std::exp(log_g + law.beta / sum * std::log(flops / 6));
}

}  // namespace

double chinchilla_optimum(const LawParameters& law, double flops,
                          const FlopsPerToken& flops_per_token) {
  if (flops_per_token.is_six_n()) return closed_form(law, flops);
  const auto loss = [&](double x) {
    const double params = std::exp(x);
    return predict_loss(law, params, flops / flops_per_token(params));
  };
  double best = 0;
  for (double x = kCoarseStep; x <= kLargestLog; x += kCoarseStep) {
    if (loss(x) < loss(best)) best = x;
  }
  double low = std::max(0.0, best - kCoarseStep);
  double high = best + kCoarseStep;
  while (high - low > 1e-10) {
    const double left = high - kGolden * (high - low);
    const double right = low + kGolden * (high - low);
    (loss(left) < loss(right) ? high : low) = loss(left) < loss(right) ? right : left;
  }
  return std::exp((low + high) / 2);
}

}  // namespace isoflop
