// What runs tell of ln N* at a target, with the law linear about one guess of it: the variance of
// the estimate that a fit will make, before its losses are known.
//
//   theta = (ln E, ln A, ln B, alpha, beta),   g = d ln L / d theta,   c = d ln N*(C) / d theta
//   before any run    theta ~ N(guess, P^-1), P^-1 diagonal, weak: standard deviations 0.5, 5, 5,
//                     0.2, 0.2
//   least squares over rows i with noise covariances K_ij, s^2 a unit of variance:
//     V = (s^2 P + sum g_i g_i^T)^-1,   B = s^4 P + sum_ij K_ij g_i g_j^T
//     var(ln N*) = c^T V B V c
// With K = s^2 I this is Gaussian conditioning, and a further run of noise s^2 lowers the variance
// by (c^T W g)^2 / (s^2 + g^T W g), W = s^2 V, whatever its loss turns out to be (MacKay 1992).
// Rows that share noise are counted as what they are to a fit that weights all rows alike (the
// sandwich of Huber 1967); such a row can even make the estimate worse.
//
// c is taken by central differences, so any f(N) will do. Pure; no state shared between objects.
#ifndef ISOFLOP_DESIGN_LAW_BELIEF_H_
#define ISOFLOP_DESIGN_LAW_BELIEF_H_

#include <array>

#include "core/flops.h"
#include "law/loss_law.h"

namespace isoflop {

class LawBelief {
 public:
  // noise: s, positive.
  LawBelief(const LawParameters& guess, const FlopsPerToken& flops, double target_flops,
            double noise);

  // A row to be: its g, the variance of its noise, and sum_j K_ij g_j over the rows before it.
  struct Row {
    LawVector gradient{};
    double variance = 0;
    LawVector shared{};
  };

  LawVector gradient(double params, double tokens) const;  // g

  double variance() const;                       // of ln N*
  double variance_of(const LawVector& g) const;  // of g^T theta, e.g. of a predicted ln L
  double variance_with(const Row& row) const;    // of ln N*, once the row is known
  double volume_gain(const LawVector& g) const;  // fall of ln det V by a row: of the law as a whole
  void learn(const Row& row);

  // The weight that ln L of a row with gradient g has in ln N*: g^T V c.
  double weight(const LawVector& g) const;
  double leverage(const LawVector& g, const LawVector& h) const;  // g^T V h

 private:
  using Matrix = std::array<LawVector, kLawSize>;

  LawVector guess_{};
  LawVector answer_{};     // c
  LawVector to_answer_{};  // V c
  Matrix scatter_{};       // V
  Matrix noise_{};         // B
};

}  // namespace isoflop

#endif  // ISOFLOP_DESIGN_LAW_BELIEF_H_
