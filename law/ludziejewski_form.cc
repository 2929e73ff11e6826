#include <cmath>

#include "law/expert_saturation.h"
#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// coefficient Eh^shift x^(exponent + bend ln Eh), with z = ln Eh.
struct ExpertTerm {
  double value = 0;
  double log_x = 0;
  double by_log_experts = 0;
};

ExpertTerm expert_term(double coefficient, double shift, double exponent, double bend, double x,
                       double z) {
  const double log_x = std::log(x);
  const double value = coefficient * std::exp(shift * z + (exponent + bend * z) * log_x);
  return {value, log_x, value * (shift + bend * log_x)};
}

// c, a, b, alpha, delta, gamma, beta, omega, zeta, E_start, E_max.
double predict_ludziejewski(std::span<const double> v, const LawPoint& point, double* gradient) {
  const EffectiveExperts experts = effective_experts(point.experts, v[9], v[10]);
  const double z = experts.log_value;
  const ExpertTerm size = expert_term(v[1], v[4], v[3], v[5], point.active_params, z);
  const ExpertTerm data = expert_term(v[2], v[7], v[6], v[8], point.tokens, z);
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = size.value / v[1];
    gradient[2] = data.value / v[2];
    gradient[3] = size.value * size.log_x;
    gradient[4] = size.value * z;
    gradient[5] = size.value * size.log_x * z;
    gradient[6] = data.value * data.log_x;
    gradient[7] = data.value * z;
    gradient[8] = data.value * data.log_x * z;
    const double by_experts = size.by_log_experts + data.by_log_experts;
    gradient[9] = by_experts * experts.by_start;
    gradient[10] = by_experts * experts.by_max;
  }
  return v[0] + size.value + data.value;
}

FormParameter signed_parameter(std::string_view name, double low, double high) {
  return {.name = name, .start_low = low, .start_high = high, .low = -4, .high = 4};
}

}  // namespace

LawForm ludziejewski_form() {
  return {.name = "ludziejewski",
          .formula =
              "L = a Eh^delta N^(alpha + gamma ln Eh) + b Eh^omega D^(beta + zeta ln Eh) + c, "
              "N active parameters, Eh as in clark",
          .citation = "Ludziejewski et al. 2025, arXiv:2502.05172, eq. 6",
          .parameters = {floor_parameter("c"),
                         coefficient_parameter("a"),
                         coefficient_parameter("b"),
                         signed_parameter("alpha", -0.8, -0.03),
                         signed_parameter("delta", -0.5, 0.2),
                         signed_parameter("gamma", -0.05, 0.05),
                         signed_parameter("beta", -0.8, -0.03),
                         signed_parameter("omega", -0.2, 0.8),
                         signed_parameter("zeta", -0.05, 0.05),
                         {.name = "E_start",
                          .start_low = 1,
                          .start_high = 4,
                          .low = 0.2,
                          .high = 60,
                          .logarithmic = true},
                         {.name = "E_max",
                          .start_low = 80,
                          .start_high = 1000,
                          .low = 61,
                          .high = 1e6,
                          .logarithmic = true}},
          .needs = {"params", "tokens", "experts"},
          .huber_delta = 0.01,
          .counts_active = true,
          .predict = predict_ludziejewski};
}

}  // namespace isoflop
