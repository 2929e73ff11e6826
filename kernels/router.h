// Which experts a token goes to, and with what weight.
//
//   p = softmax(l) over E experts;  K = the k largest l, ties to the lowest index
//   gate_e = p_e for e in K, or p_e / sum_{i in K} p_i where `among_chosen` (core/model_config.h)
//
// Backward, where the loss has a gradient d_e by gate_e, a gradient c_e by p_e that is the same for
// all tokens (balance), and a term z (ln sum exp l)^2:
//
//   d_l_e = p_e (c_e - sum_i p_i c_i + 2 z ln sum exp l) + the part of the gates:
//     p_e (d_e - sum_{i in K} p_i d_i), d_e = 0 outside of K;  among_chosen: gate_e (d_e - sum_i
//     gate_i d_i) in K
//
// All feature-major: [rows, columns], rows `stride` apart.
#ifndef ISOFLOP_KERNELS_ROUTER_H_
#define ISOFLOP_KERNELS_ROUTER_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct RouterShape {
  std::int64_t experts, per_token, columns, stride;
  bool among_chosen;
};

struct RouterState {
  float* probabilities;  // E
  float* log_sums;       // 1, ln sum exp l
  float* entropies;      // 1, -sum p ln p
  float* gates;          // k
  std::int32_t* chosen;  // k
};

struct RouterGradient {
  const float* d_gates;   // k; 0 for a choice that was dropped
  const float* d_shares;  // [E], c
  float z;
};

namespace ISOFLOP_ISA {

// state.probabilities holds the logits, and is overwritten.
void router_forward(const RouterShape& shape, const RouterState& state);

// d_logits: [E, columns].
void router_backward(const RouterShape& shape, const RouterState& state,
                     const RouterGradient& gradient, float* d_logits);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_ROUTER_H_
