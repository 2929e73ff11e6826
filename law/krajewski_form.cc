#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// c, a, g, b, alpha, beta, gamma.
double predict_krajewski(std::span<const double> v, const LawPoint& point, double* gradient) {
  const PowerTerm fine = power_term(v[2], point.granularity, v[6]);
  const PowerTerm size = power_term(v[1] + fine.value, point.params, v[4]);
  const PowerTerm data = power_term(v[3], point.tokens, v[5]);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = size.by_coefficient;
    gradient[2] = size.by_coefficient * fine.by_coefficient;
    gradient[3] = data.by_coefficient;
    gradient[4] = size.by_exponent;
    gradient[5] = data.by_exponent;
    gradient[6] = size.by_coefficient * fine.by_exponent;
  }
  return v[0] + size.value + data.value;
}

}  // namespace

LawForm krajewski_form() {
  FormParameter g = coefficient_parameter("g");
  FormParameter gamma = exponent_parameter("gamma");
  g.only_with = gamma.only_with = "granularity";
  return {.name = "krajewski",
          .formula = "L = c + (g / G^gamma + a) / N^alpha + b / D^beta",
          .citation = "Krajewski et al. 2024, arXiv:2402.07871, eq. 9; N all parameters",
          .parameters = {floor_parameter("c"), coefficient_parameter("a"), g,
                         coefficient_parameter("b"), exponent_parameter("alpha"),
                         exponent_parameter("beta"), gamma},
          .needs = {"params", "tokens"},
          .huber_delta = 0.1,
          .predict = predict_krajewski};
}

}  // namespace isoflop
