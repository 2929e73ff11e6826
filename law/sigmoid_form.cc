#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// floor, ceiling, k, L0.
double predict_sigmoid(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double x = v[2] * (point.loss - v[3]);
  const double share = 1 / (1 + std::exp(x));  // of the way from floor to ceiling
  if (gradient != nullptr) {
    const double slope = -(v[1] - v[0]) * share * (1 - share);
    gradient[0] = 1 - share;
    gradient[1] = share;
    gradient[2] = slope * (point.loss - v[3]);
    gradient[3] = -slope * v[2];
  }
  return v[0] + (v[1] - v[0]) * share;
}

}  // namespace

LawForm sigmoid_form() {
  return {.name = "sigmoid",
          .formula = "score = floor + (ceiling - floor) / (1 + e^(k (L - L0)))",
          .citation = "Bhagia et al. 2024 (OLMo ladder), arXiv:2412.04403, step 2",
          .parameters = {{.name = "floor",
                          .start_low = 0,
                          .start_high = 0.5,
                          .low = -0.5,
                          .high = 1,
                          .linear = true},
                         {.name = "ceiling",
                          .start_low = 0.5,
                          .start_high = 1,
                          .low = 0,
                          .high = 1.5,
                          .linear = true},
                         {.name = "k",
                          .start_low = 0.5,
                          .start_high = 20,
                          .low = 0.01,
                          .high = 1e3,
                          .logarithmic = true},
                         {.name = "L0",
                          .start_low = 0.5,
                          .start_high = 4,
                          .low = -10,
                          .high = 50,
                          .starts_in = "loss"}},
          .needs = {"loss"},
          .target = LawTarget::kScore,
          .space = FitSpace::kPlain,
          .huber_delta = 0,
          .predict = predict_sigmoid};
}

}  // namespace isoflop
