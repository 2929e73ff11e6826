#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// Nc, Dc, alpha_N, alpha_D.
double predict_kaplan(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double log_ratio = std::log(v[0] / point.params);
  const double x = std::exp(v[2] / v[3] * log_ratio);
  const double y = v[1] / point.tokens;
  const double sum = x + y;
  const double loss = std::pow(sum, v[3]);
  if (gradient != nullptr) {
    const double by_sum = v[3] * loss / sum;
    gradient[0] = by_sum * x * v[2] / (v[3] * v[0]);
    gradient[1] = by_sum / point.tokens;
    gradient[2] = by_sum * x * log_ratio / v[3];
    gradient[3] = loss * std::log(sum) - by_sum * x * log_ratio * v[2] / (v[3] * v[3]);
  }
  return loss;
}

FormParameter kaplan_scale(std::string_view name) {
  return {.name = name,
          .start_low = 1e6,
          .start_high = 1e18,
          .low = 1e-3,
          .high = 1e60,
          .logarithmic = true};
}

}  // namespace

LawForm kaplan_form() {
  return {.name = "kaplan",
          .formula = "L = ((Nc / N)^(alpha_N / alpha_D) + Dc / D)^alpha_D",
          .citation = "Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5; N without embeddings",
          .parameters = {kaplan_scale("Nc"), kaplan_scale("Dc"), exponent_parameter("alpha_N"),
                         exponent_parameter("alpha_D")},
          .needs = {"params", "tokens"},
          .predict = predict_kaplan};
}

}  // namespace isoflop
