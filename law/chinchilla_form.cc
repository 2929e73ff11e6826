#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// E, A, B, alpha, beta: loss_law.h in its plain parameters.
double predict_chinchilla(std::span<const double> v, const LawPoint& point, double* gradient) {
  const PowerTerm a = power_term(v[1], point.params, v[3]);
  const PowerTerm b = power_term(v[2], point.tokens, v[4]);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = a.by_coefficient;
    gradient[2] = b.by_coefficient;
    gradient[3] = a.by_exponent;
    gradient[4] = b.by_exponent;
  }
  return v[0] + a.value + b.value;
}

}  // namespace

LawForm chinchilla_form() {
  return {
      .name = "chinchilla",
      .formula = "L = E + A / N^alpha + B / D^beta",
      .citation = "Hoffmann et al. 2022, arXiv:2203.15556, eq. 10",
      .parameters = {floor_parameter("E"), coefficient_parameter("A"), coefficient_parameter("B"),
                     exponent_parameter("alpha"), exponent_parameter("beta")},
      .needs = {"params", "tokens"},
      .predict = predict_chinchilla};
}

}  // namespace isoflop
