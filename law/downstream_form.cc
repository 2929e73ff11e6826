#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// eps, k, gamma: the paper's error is eps - k e^(-gamma L), and the score 1 less that.
double predict_downstream(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double left = std::exp(-v[2] * point.loss);
  if (gradient != nullptr) {
    gradient[0] = -1;
    gradient[1] = left;
    gradient[2] = -v[1] * left * point.loss;
  }
  return 1 - v[0] + v[1] * left;
}

}  // namespace

LawForm downstream_form() {
  return {
      .name = "downstream",
      .formula = "score = 1 - eps + k e^(-gamma L)",
      .citation = "Gadre et al. 2024, arXiv:2403.08540, eq. 5",
      .parameters =
          {{.name = "eps", .start_low = 0.5, .start_high = 1, .low = 0, .high = 2, .linear = true},
           {.name = "k",
            .start_low = 0.1,
            .start_high = 100,
            .low = 1e-6,
            .high = 1e9,
            .logarithmic = true,
            .linear = true},
           {.name = "gamma", .start_low = 0.1, .start_high = 3, .low = 1e-3, .high = 50}},
      .needs = {"loss"},
      .target = LawTarget::kScore,
      .space = FitSpace::kPlain,
      .huber_delta = 0,
      .predict = predict_downstream};
}

}  // namespace isoflop
