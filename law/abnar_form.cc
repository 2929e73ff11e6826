#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// e, a, b, c, d, alpha, beta, lambda, delta, gamma.
double predict_abnar(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double dense = 1 - point.sparsity;
  const PowerTerm size = power_term(v[1], point.params, v[5]);
  const PowerTerm data = power_term(v[2], point.tokens, v[6]);
  const PowerTerm sparse = power_term(v[3], dense, v[7]);
  const PowerTerm joint = power_term(1, dense, v[8]);
  const PowerTerm joint_size = power_term(v[4], point.params, v[9]);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = size.by_coefficient;
    gradient[2] = data.by_coefficient;
    gradient[3] = sparse.by_coefficient;
    gradient[4] = joint.value * joint_size.by_coefficient;
    gradient[5] = size.by_exponent;
    gradient[6] = data.by_exponent;
    gradient[7] = sparse.by_exponent;
    gradient[8] = joint.by_exponent * joint_size.value;
    gradient[9] = joint.value * joint_size.by_exponent;
  }
  return v[0] + size.value + data.value + sparse.value + joint.value * joint_size.value;
}

}  // namespace

LawForm abnar_form() {
  FormParameter lambda = exponent_parameter("lambda");
  lambda.start_low = -0.5;
  lambda.start_high = 0.5;
  lambda.low = -3;
  lambda.high = 3;
  FormParameter delta = lambda;
  delta.name = "delta";
  return {.name = "abnar",
          .formula =
              "L = e + a / N^alpha + b / D^beta + c / (1 - S)^lambda + d / ((1 - S)^delta "
              "N^gamma)",
          .citation =
              "Abnar et al. 2025, arXiv:2501.12370, eq. 6; N all parameters, S the share of "
              "experts that a token does not pass through",
          .parameters = {floor_parameter("e"), coefficient_parameter("a"),
                         coefficient_parameter("b"), coefficient_parameter("c"),
                         coefficient_parameter("d"), exponent_parameter("alpha"),
                         exponent_parameter("beta"), lambda, delta, exponent_parameter("gamma")},
          .needs = {"params", "tokens", "sparsity"},
          .predict = predict_abnar};
}

}  // namespace isoflop
