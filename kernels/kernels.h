// The kernels of this room as compiled for one instruction set, and the choice between them.
//
// Every instruction set that the compiler knows is built into the program: "baseline" (SSE2 on
// x86-64, whatever the compiler targets elsewhere), "avx2" (x86-64-v3) and "avx512" (x86-64-v4).
// The best one that the processor has is chosen when the program starts. Results are the same to
// the bit for the same build and the same choice; between choices they differ by rounding.
// All kernels are single-threaded, allocate nothing and keep no state.
#ifndef ISOFLOP_KERNELS_KERNELS_H_
#define ISOFLOP_KERNELS_KERNELS_H_

#include <span>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/block.h"
#include "kernels/cross_entropy.h"
#include "kernels/experts.h"
#include "kernels/gemm.h"
#include "kernels/norm.h"
#include "kernels/rotary.h"
#include "kernels/router.h"
#include "kernels/transformer.h"
#include "kernels/transpose.h"

namespace isoflop {

// Pointers to the functions of the same names in the headers above.
struct Kernels {
  const char* name;
  int lanes;  // floats a vector
  decltype(&ISOFLOP_ISA::transpose) transpose;
  decltype(&ISOFLOP_ISA::gemm) gemm;
  decltype(&ISOFLOP_ISA::norm_forward) norm_forward;
  decltype(&ISOFLOP_ISA::norm_backward) norm_backward;
  decltype(&ISOFLOP_ISA::rotate) rotate;
  decltype(&ISOFLOP_ISA::gelu) gelu;
  decltype(&ISOFLOP_ISA::swiglu) swiglu;
  decltype(&ISOFLOP_ISA::multiply) multiply;
  decltype(&ISOFLOP_ISA::attention_forward) attention_forward;
  decltype(&ISOFLOP_ISA::attention_backward) attention_backward;
  decltype(&ISOFLOP_ISA::cross_entropy) cross_entropy;
  decltype(&ISOFLOP_ISA::router_forward) router_forward;
  decltype(&ISOFLOP_ISA::router_backward) router_backward;
  decltype(&ISOFLOP_ISA::dispatch) dispatch;
  decltype(&ISOFLOP_ISA::router_stats) router_stats;
  decltype(&ISOFLOP_ISA::balance_gradient) balance_gradient;
  decltype(&ISOFLOP_ISA::experts_forward) experts_forward;
  decltype(&ISOFLOP_ISA::experts_backward) experts_backward;
  decltype(&ISOFLOP_ISA::transformer_losses) transformer_losses;
  decltype(&ISOFLOP_ISA::transformer_gradients) transformer_gradients;
  // Runs 2 x 12 x lanes x rounds FLOPs of independent fused multiply-adds; see peak.h.
  float (*multiply_adds)(std::int64_t rounds, float factor, float term);
};

// Those that this processor can run, the best last.
std::span<const Kernels> usable_kernels();
const Kernels& best_kernels();

}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_KERNELS_H_
