// The routed experts of a layer, forward and backward, over all tokens of a pass.
//
//   x_t += sum_{e in K(t)} gate_te W_out_e activation(W_in_e in_t)
//
// A block of columns (dispatch.h) is gathered from, and scattered to, matrices with a row for each
// token: that moves four features of a token at once. What is between two products of a block stays
// near the core.
//
// Tokens: chunks of windows (block.h). What is [rows, stride] for a chunk lies behind each other
// for all of them, [chunks][rows, stride].
//
// A token's result does not depend on the other tokens where nothing is dropped: its experts are
// added in the order of their index.
#ifndef ISOFLOP_KERNELS_EXPERTS_H_
#define ISOFLOP_KERNELS_EXPERTS_H_

#include <cstdint>

#include "kernels/dispatch.h"
#include "kernels/vec.h"

namespace isoflop {

// What all layers share. R: token_rows(shape.tokens).
struct ExpertsScratch {
  float *in_rows, *x_rows, *d_in_rows;  // [R, d]
  // For one block.
  float *narrow, *rows;  // [d, columns]
  float* wide;           // [f_e or 2 f_e, columns]
  float* row;            // [columns]
};

template <class Float>
struct ExpertsTensors {
  Float* in;   // [E, f_e, d]; SwiGLU: [E, 2 f_e, d]
  Float* out;  // [E, d, f_e]
};

namespace ISOFLOP_ISA {

// After dispatch. in, x, d_x, d_in: [chunks][d, stride], d_gates: [chunks][k, stride]; d_in and
// d_gates are overwritten.
void experts_forward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                     const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                     float* x);

void experts_backward(const ExpertsShape& shape, const ExpertsTensors<const float>& weights,
                      const float* in, const ExpertsState& state, const ExpertsScratch& scratch,
                      const float* d_x, const ExpertsTensors<float>& d_weights, float* d_in,
                      float* d_gates);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_EXPERTS_H_
