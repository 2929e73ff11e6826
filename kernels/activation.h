// The feed-forward's non-linearities. Forward also leaves the derivative behind, so that backward
// is one multiplication.
//
//   GELU    out = u s(2 c u (1 + a u^2)),  s(z) = 1 / (1 + e^-z),  c = sqrt(2 / pi), a = 0.044715
//           (the tanh form: (1 + tanh z) / 2 = s(2 z));  u becomes d out / d u
//   SwiGLU  out = gate s(gate) up;  gate becomes d out / d gate and up becomes d out / d up
//
// All [rows, columns], rows `stride` apart.
#ifndef ISOFLOP_KERNELS_ACTIVATION_H_
#define ISOFLOP_KERNELS_ACTIVATION_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct RowsShape {
  std::int64_t rows, columns, stride;
};

namespace ISOFLOP_ISA {

void gelu(const RowsShape& shape, float* u, float* out);
void swiglu(const RowsShape& shape, float* gate, float* up, float* out);

// out = a b, element by element; out may be a or b.
void multiply(const RowsShape& shape, const float* a, const float* b, float* out);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_ACTIVATION_H_
