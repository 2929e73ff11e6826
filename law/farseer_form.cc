#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// exp(scale N^power + shift), by scale, power and shift.
struct Stretched {
  double value = 0;
  double by_scale = 0;
  double by_power = 0;
};

Stretched stretched(double scale, double power, double shift, double log_n) {
  const double size = std::exp(power * log_n);
  const double value = std::exp(scale * size + shift);
  return {value, value * size, value * scale * size * log_n};
}

// a1, alpha, b1, a2, beta, b2, a3, gamma, b3.
double predict_farseer(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double log_n = std::log(point.params), log_d = std::log(point.tokens);
  const Stretched exponent = stretched(v[0], v[1], v[2], log_n);
  const Stretched height = stretched(v[3], v[4], v[5], log_n);
  const Stretched floor = stretched(v[6], v[7], v[8], log_n);
  const double power = std::exp(-exponent.value * log_d);
  const double by_exponent = -height.value * power * log_d;
  if (gradient != nullptr) {
    gradient[0] = by_exponent * exponent.by_scale;
    gradient[1] = by_exponent * exponent.by_power;
    gradient[2] = by_exponent * exponent.value;
    gradient[3] = power * height.by_scale;
    gradient[4] = power * height.by_power;
    gradient[5] = power * height.value;
    gradient[6] = floor.by_scale;
    gradient[7] = floor.by_power;
    gradient[8] = floor.value;
  }
  return floor.value + height.value * power;
}

FormParameter farseer_parameter(std::string_view name, double low, double high, double far) {
  return {.name = name, .start_low = low, .start_high = high, .low = -far, .high = far};
}

}  // namespace

LawForm farseer_form() {
  FormParameter a2 = farseer_parameter("a2", 1, 300, 1e4);
  a2.low = 1e-3;
  a2.logarithmic = true;
  return {
      .name = "farseer",
      .formula = "L = exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^-exp(a1 N^alpha + b1)",
      .citation = "Li et al. 2025 (Farseer), arXiv:2506.10972",
      .parameters = {farseer_parameter("a1", -0.3, -0.03, 5),
                     farseer_parameter("alpha", 0.05, 0.2, 1), farseer_parameter("b1", -0.5, 1, 20),
                     a2, farseer_parameter("beta", -0.2, -0.05, 1),
                     farseer_parameter("b2", -10, 2, 50), farseer_parameter("a3", -0.1, 0, 10),
                     farseer_parameter("gamma", 0.05, 0.3, 1),
                     farseer_parameter("b3", -0.5, 1.5, 20)},
      .needs = {"params", "tokens"},
      .predict = predict_farseer};
}

}  // namespace isoflop
