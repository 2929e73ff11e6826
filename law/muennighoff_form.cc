// Repeated tokens and, with them, excess parameters count less and less:
//
//   D' = U (1 + R_D (1 - exp(-R / R_D))),  R = D / U - 1 repetitions of U unique tokens
//   N' = V (1 + R_N (1 - exp(-Q / R_N))),  Q = N / V - 1,  V = min(N, N_opt(U))
//   L  = E + A / N'^alpha + B / D'^beta
//
// N_opt(U) is the size that is compute-optimal when U is the compute-optimal number of tokens:
// ln N_opt = ln G + (beta / alpha) ln(G U),  G = (alpha A / (beta B))^(1 / (alpha + beta)).
#include <algorithm>
#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

// unit (1 + R (1 - exp(-(total / unit - 1) / R))), and its derivatives in logarithms.
struct Decayed {
  double log_value = 0;
  double by_rate = 0;      // d ln value / d R
  double by_log_unit = 0;  // d ln value / d ln unit
};

Decayed decayed(double total, double unit, double rate) {
  const double repeats = total / unit - 1;
  const double left = std::exp(-repeats / rate);
  const double times = 1 + rate * (1 - left);
  return {std::log(unit * times), (1 - left - repeats / rate * left) / times,
          (times - total / unit * left) / times};
}

// ln N_opt and its derivatives by A, B, alpha, beta.
struct OptimalSize {
  double log_value = 0;
  double by[4] = {};
};

OptimalSize optimal_size(std::span<const double> v, double unique_tokens) {
  const double a = v[3], b = v[4], sum = a + b;
  const double log_g = std::log(a * v[1] / (b * v[2])) / sum;
  const double log_gu = log_g + std::log(unique_tokens);
  const double both = 1 + b / a;
  return {log_g + b / a * log_gu,
          {both / (v[1] * sum), -both / (v[2] * sum),
           both * (1 / a - log_g) / sum - b / (a * a) * log_gu,
           both * (-1 / b - log_g) / sum + log_gu / a}};
}

// E, A, B, alpha, beta, R_D, R_N.
double predict_muennighoff(std::span<const double> v, const LawPoint& point, double* gradient) {
  const double unique = std::min(point.unique_tokens, point.tokens);
  const OptimalSize best = optimal_size(v, unique);
  const double fitting = std::exp(best.log_value);
  const bool excess = fitting < point.params;
  const Decayed d = decayed(point.tokens, unique, v[5]);
  const Decayed n = decayed(point.params, excess ? fitting : point.params, v[6]);
  const PowerTerm a = power_term(v[1], std::exp(n.log_value), v[3]);
  const PowerTerm b = power_term(v[2], std::exp(d.log_value), v[4]);
  if (gradient != nullptr) {
    const double by_size = excess ? a.by_log_x * n.by_log_unit : 0;
    gradient[0] = 1;
    gradient[1] = a.by_coefficient + by_size * best.by[0];
    gradient[2] = b.by_coefficient + by_size * best.by[1];
    gradient[3] = a.by_exponent + by_size * best.by[2];
    gradient[4] = b.by_exponent + by_size * best.by[3];
    gradient[5] = b.by_log_x * d.by_rate;
    gradient[6] = a.by_log_x * n.by_rate;
  }
  return v[0] + a.value + b.value;
}

FormParameter repetition(std::string_view name) {
  return {.name = name,
          .start_low = 1,
          .start_high = 100,
          .low = 0.01,
          .high = 1e4,
          .logarithmic = true};
}

}  // namespace

LawForm muennighoff_form() {
  FormParameter beta = exponent_parameter("beta");
  beta.tied_to = "alpha";
  return {
      .name = "muennighoff",
      .formula =
          "L = E + A / N'^alpha + B / D'^beta, D' = U (1 + R_D (1 - exp(-(D / U - 1) / "
          "R_D))), N' alike with R_N and V = min(N, N_opt(U)) for U",
      .citation = "Muennighoff et al. 2023, arXiv:2305.16264, section 3; alpha = beta as there",
      .parameters = {floor_parameter("E"), coefficient_parameter("A"), coefficient_parameter("B"),
                     exponent_parameter("alpha"), beta, repetition("R_D"), repetition("R_N")},
      .needs = {"params", "tokens", "unique_tokens"},
      .predict = predict_muennighoff};
}

}  // namespace isoflop
