#include "law/loss_law.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

// ln L and the softmax shares of its three terms.
struct Shares {
  double value = 0;
  double e = 0, a = 0, b = 0;
};

Shares shares_of(const LawVector& theta, double x, double y) {
  const double e = theta[0];
  const double a = theta[1] - theta[3] * x;
  const double b = theta[2] - theta[4] * y;
  const double top = std::max({e, a, b});
  Shares s{.value = 0, .e = std::exp(e - top), .a = std::exp(a - top), .b = std::exp(b - top)};
  const double sum = s.e + s.a + s.b;
  s.value = top + std::log(sum);
  s.e /= sum;
  s.a /= sum;
  s.b /= sum;
  return s;
}

LawVector gradient_of(const Shares& s, double x, double y) {
  return {s.e, s.a, s.b, -s.a * x, -s.b * y};
}

}  // namespace

LawVector to_vector(const LawParameters& law) {
  return {std::log(law.E), std::log(law.A), std::log(law.B), law.alpha, law.beta};
}

LawParameters from_vector(const LawVector& theta) {
  return {.E = std::exp(theta[0]),
          .A = std::exp(theta[1]),
          .B = std::exp(theta[2]),
          .alpha = theta[3],
          .beta = theta[4]};
}

double predict_loss(const LawParameters& law, double params, double tokens) {
  return law.E + law.A * std::pow(params, -law.alpha) + law.B * std::pow(tokens, -law.beta);
}

double log_loss(const LawVector& theta, double ln_params, double ln_tokens) {
  return shares_of(theta, ln_params, ln_tokens).value;
}

double log_loss(const LawVector& theta, double ln_params, double ln_tokens, LawVector& gradient) {
  const Shares s = shares_of(theta, ln_params, ln_tokens);
  gradient = gradient_of(s, ln_params, ln_tokens);
  return s.value;
}

LogLossDerivatives log_loss_derivatives(const LawVector& theta, double ln_params,
                                        double ln_tokens) {
  const double x = ln_params;
  const double y = ln_tokens;
  const Shares s = shares_of(theta, x, y);
  LogLossDerivatives out{.value = s.value, .gradient = gradient_of(s, x, y), .hessian = {}};
  // The terms' exponents are linear in theta, so the Hessian is sum_k p_k z_k z_k' - g g'.
  const LawVector& g = out.gradient;
  for (std::size_t i = 0; i < kLawSize; ++i) {
    for (std::size_t j = 0; j < kLawSize; ++j) out.hessian[i][j] = -g[i] * g[j];
  }
  out.hessian[0][0] += s.e;
  out.hessian[1][1] += s.a;
  out.hessian[2][2] += s.b;
  out.hessian[1][3] -= s.a * x;
  out.hessian[3][1] -= s.a * x;
  out.hessian[2][4] -= s.b * y;
  out.hessian[4][2] -= s.b * y;
  out.hessian[3][3] += s.a * x * x;
  out.hessian[4][4] += s.b * y * y;
  return out;
}

}  // namespace isoflop
