// Precision of training shrinks the parameters that count, and rounding after training costs more
// the longer the training was:
//
//   N_eff = N (1 - e^(n_w - P_w / gamma_w)) (1 - e^(n_a - P_a / gamma_a)) (1 - e^(n_kv - ...))
//   L     = E + A / N_eff^alpha + B / D^beta + C_T D^gamma_D / N^gamma_N e^(n_post - P_post /
//   gamma_post)
//
// The offsets n are in the fits and not in the paper's main text (its appendix K). A precision that
// a run does not say is full: its factor is 1.
#include <algorithm>
#include <cmath>

#include "law/form_terms.h"
#include "law/forms.h"

namespace isoflop {
namespace {

enum Kumar : std::size_t {
  kE,
  kA,
  kB,
  kAlpha,
  kBeta,
  kGammaW,
  kNW,
  kGammaA,
  kNA,
  kGammaKv,
  kNKv,  // clang-format off
  kCT, kGammaD, kGammaN, kGammaPost, kNPost  // clang-format on
};

// ln(1 - e^(n - bits / gamma)); NaN where nothing would be left.
struct Precision {
  double log_share = 0;
  double by_gamma = 0;
  double by_offset = 0;
};

Precision precision_of(double bits, double gamma, double offset) {
  if (std::isinf(bits)) return {};
  const double lost = std::exp(offset - bits / gamma);
  const double by_offset = -lost / (1 - lost);
  return {std::log1p(-lost), by_offset * bits / (gamma * gamma), by_offset};
}

// The loss that rounding after training adds.
double rounding(std::span<const double> v, const LawPoint& point, double* gradient) {
  if (std::isinf(point.quantized_bits)) {
    if (gradient != nullptr) std::fill(gradient + kCT, gradient + kNPost + 1, 0.0);
    return 0;
  }
  const double log_d = std::log(point.tokens), log_n = std::log(point.params);
  const double exponent =
      v[kGammaD] * log_d - v[kGammaN] * log_n + v[kNPost] - point.quantized_bits / v[kGammaPost];
  const double share = std::exp(exponent);
  const double value = v[kCT] * share;
  if (gradient != nullptr) {
    gradient[kCT] = share;
    gradient[kGammaD] = value * log_d;
    gradient[kGammaN] = -value * log_n;
    gradient[kGammaPost] = value * point.quantized_bits / (v[kGammaPost] * v[kGammaPost]);
    gradient[kNPost] = value;
  }
  return value;
}

double predict_kumar(std::span<const double> v, const LawPoint& point, double* gradient) {
  const Precision w = precision_of(point.weight_bits, v[kGammaW], v[kNW]);
  const Precision a = precision_of(point.activation_bits, v[kGammaA], v[kNA]);
  const Precision kv = precision_of(point.cache_bits, v[kGammaKv], v[kNKv]);
  const double effective = point.params * std::exp(w.log_share + a.log_share + kv.log_share);
  const PowerTerm size = power_term(v[kA], effective, v[kAlpha]);
  const PowerTerm data = power_term(v[kB], point.tokens, v[kBeta]);
  const double added = rounding(v, point, gradient);
  if (gradient != nullptr) {
    gradient[kE] = 1;
    gradient[kA] = size.by_coefficient;
    gradient[kB] = data.by_coefficient;
    gradient[kAlpha] = size.by_exponent;
    gradient[kBeta] = data.by_exponent;
    gradient[kGammaW] = size.by_log_x * w.by_gamma;
    gradient[kNW] = size.by_log_x * w.by_offset;
    gradient[kGammaA] = size.by_log_x * a.by_gamma;
    gradient[kNA] = size.by_log_x * a.by_offset;
    gradient[kGammaKv] = size.by_log_x * kv.by_gamma;
    gradient[kNKv] = size.by_log_x * kv.by_offset;
  }
  return v[kE] + size.value + data.value + added;
}

FormParameter bits_parameter(std::string_view name, std::string_view with) {
  return {.name = name,
          .start_low = 0.4,
          .start_high = 4,
          .low = 0.05,
          .high = 50,
          .logarithmic = true,
          .only_with = with};
}

FormParameter offset_parameter(std::string_view name, std::string_view with) {
  return {
      .name = name, .start_low = -0.5, .start_high = 2, .low = -10, .high = 10, .only_with = with};
}

FormParameter rounding_exponent(std::string_view name) {
  FormParameter out = exponent_parameter(name);
  out.only_with = "quantized_bits";
  return out;
}

}  // namespace

LawForm kumar_form() {
  FormParameter beta = exponent_parameter("beta");
  beta.tied_to = "alpha";
  FormParameter c_t = coefficient_parameter("C_T");
  c_t.only_with = "quantized_bits";
  // C_T and n_post are one parameter, C_T e^n_post; the paper states both.
  FormParameter n_post = offset_parameter("n_post", "quantized_bits");
  n_post.fixed = 0;
  return {
      .name = "kumar",
      .formula =
          "L = E + A / N_eff^alpha + B / D^beta + C_T D^gamma_D / N^gamma_N e^(n_post - "
          "P_post / gamma_post), N_eff = N prod_x (1 - e^(n_x - P_x / gamma_x)), x = w, "
          "a, kv",
      .citation =
          "Kumar et al. 2024, arXiv:2411.04330, eqs. 3, 4 and 9, offsets of appendix K; "
          "alpha = beta as there",
      .parameters = {floor_parameter("E"), coefficient_parameter("A"), coefficient_parameter("B"),
                     exponent_parameter("alpha"), beta, bits_parameter("gamma_w", "weight_bits"),
                     offset_parameter("n_w", "weight_bits"),
                     bits_parameter("gamma_a", "activation_bits"),
                     offset_parameter("n_a", "activation_bits"),
                     bits_parameter("gamma_kv", "cache_bits"),
                     offset_parameter("n_kv", "cache_bits"), c_t, rounding_exponent("gamma_D"),
                     rounding_exponent("gamma_N"), bits_parameter("gamma_post", "quantized_bits"),
                     n_post},
      .needs = {"params", "tokens"},
      .predict = predict_kumar};
}

}  // namespace isoflop
