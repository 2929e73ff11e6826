#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// E, a, b, eta. With C = 6 N D and M = D / N the terms are a / (6 N^2)^eta and b / (6 D^2)^eta.
double predict_gadre(std::span<const double> v, const LawPoint& point, double* gradient) {
  const PowerTerm a = power_term(v[1], 6 * point.params * point.params, v[3]);
  const PowerTerm b = power_term(v[2], 6 * point.tokens * point.tokens, v[3]);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = a.by_coefficient;
    gradient[2] = b.by_coefficient;
    gradient[3] = a.by_exponent + b.by_exponent;
  }
  return v[0] + a.value + b.value;
}

}  // namespace

LawForm gadre_form() {
  return {.name = "gadre",
          .formula = "L = E + (a M^eta + b M^-eta) C^-eta, M = D / N, C = 6 N D",
          .citation = "Gadre et al. 2024, arXiv:2403.08540, eq. 4",
          .parameters = {floor_parameter("E"), coefficient_parameter("a"),
                         coefficient_parameter("b"), exponent_parameter("eta")},
          .needs = {"params", "tokens"},
          .predict = predict_gadre};
}

}  // namespace isoflop
