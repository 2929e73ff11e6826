// The Chinchilla law and its derivatives, in the coordinates in which it is fitted.
//
//   L(N, D) = E + A / N^alpha + B / D^beta    (Hoffmann et al. 2022, eq. 10), nats per token
//   ln L    = LSE(ln E, ln A - alpha ln N, ln B - beta ln D)                         (eq. 11)
//
// The second form is closed under any positive E, A, B and never overflows; its gradient in
// theta = (ln E, ln A, ln B, alpha, beta) is (p_E, p_A, p_B, -p_A ln N, -p_B ln D), where p are the
// shares of the three terms in L (a softmax).
//
// This is the fast path of approach 3. Laws of other forms, and this one with parameters fixed or
// bounded, go through law_form.h.
//
// Pure functions: no state, safe from any thread.
#ifndef ISOFLOP_LAW_LOSS_LAW_H_
#define ISOFLOP_LAW_LOSS_LAW_H_

#include <array>
#include <cstddef>

#include "core/law_fit.h"

namespace isoflop {

inline constexpr std::size_t kLawSize = 5;

// (ln E, ln A, ln B, alpha, beta).
using LawVector = std::array<double, kLawSize>;

// ln L with its first and second derivatives; the Hessian is symmetric and stored in full, row by
// row.
struct LogLossDerivatives {
  double value = 0;
  LawVector gradient{};
  std::array<LawVector, kLawSize> hessian{};
};

// E, A, B must be positive: a zero becomes -inf, which log_loss accepts as an absent term.
LawVector to_vector(const LawParameters& law);
LawParameters from_vector(const LawVector& theta);

// N = `params`, D = `tokens`, both positive.
double predict_loss(const LawParameters& law, double params, double tokens);

double log_loss(const LawVector& theta, double ln_params, double ln_tokens);
double log_loss(const LawVector& theta, double ln_params, double ln_tokens, LawVector& gradient);
LogLossDerivatives log_loss_derivatives(const LawVector& theta, double ln_params, double ln_tokens);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_LOSS_LAW_H_
