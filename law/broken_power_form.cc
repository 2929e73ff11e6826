// A power law whose slope turns from c0 to c0 + c1 around C = d1, over about f1 e-folds:
//
//   L = E + b C^-c0 (1 + (C / d1)^(1 / f1))^(-c1 f1)
#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// ln(1 + e^x) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

// E, b, c0, c1, d1, f1.
double predict_broken_power(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double log_c = std::log(point.flops);
  const double x = (log_c - std::log(v[4])) / v[5];
  const double bend = softplus(x);
  const double share = 1 / (1 + std::exp(-x));  // d bend / dx
  const double power = std::exp(-v[2] * log_c - v[3] * v[5] * bend);
  const double value = v[1] * power;
  if (gradient != nullptr) {
    gradient[0] = 1;
    gradient[1] = power;
    gradient[2] = -value * log_c;
    gradient[3] = -value * v[5] * bend;
    gradient[4] = value * v[3] * share / v[4];
    gradient[5] = -value * v[3] * (bend - share * x);
  }
  return v[0] + value;
}

}  // namespace

LawForm broken_power_form() {
  return {.name = "broken_power",
          .formula = "L = E + b C^-c0 (1 + (C / d1)^(1 / f1))^(-c1 f1)",
          .citation = "Caballero et al. 2022, arXiv:2210.14891, eq. 1 with one break",
          .parameters = {floor_parameter("E"),
                         coefficient_parameter("b"),
                         {.name = "c0", .start_low = 0.01, .start_high = 0.6, .low = 0, .high = 4},
                         {.name = "c1", .start_low = -0.4, .start_high = 0.6, .low = -4, .high = 4},
                         {.name = "d1",
                          .start_low = 1e12,
                          .start_high = 1e26,
                          .low = 1e-3,
                          .high = 1e40,
                          .logarithmic = true,
                          .starts_in = "flops"},
                         {.name = "f1",
                          .start_low = 0.1,
                          .start_high = 2,
                          .low = 0.01,
                          .high = 20,
                          .logarithmic = true}},
          .needs = {"flops"},
          .predict = predict_broken_power};
}

}  // namespace isoflop
