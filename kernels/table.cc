// One row of the table in kernels.h, for the instruction set that this file is compiled for.
#include "kernels/kernels.h"

#define ISOFLOP_NAME_OF(isa) #isa
#define ISOFLOP_EXPANDED_NAME_OF(isa) ISOFLOP_NAME_OF(isa)

namespace isoflop::ISOFLOP_ISA {
namespace {

// 12 chains hide the latency of two multiply-add units (4 or 5 cycles each). The factor and the
// term are arguments so that the compiler cannot know the result.
float multiply_adds(std::int64_t rounds, float factor, float term) {
  Vec chain[12];
  for (int i = 0; i < 12; ++i) chain[i] = broadcast(static_cast<float>(i));
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < 12; ++i) chain[i] = chain[i] * factor + term;
  }
  Vec sum{};
  for (int i = 0; i < 12; ++i) sum += chain[i];
  return sum_of(sum);
}

}  // namespace

extern const Kernels kTable;
const Kernels kTable{.name = ISOFLOP_EXPANDED_NAME_OF(ISOFLOP_ISA),
                     .lanes = kLanes,
                     .transpose = &transpose,
                     .gemm = &gemm,
                     .norm_forward = &norm_forward,
                     .norm_backward = &norm_backward,
                     .rotate = &rotate,
                     .gelu = &gelu,
                     .swiglu = &swiglu,
                     .multiply = &multiply,
                     .attention_forward = &attention_forward,
                     .attention_backward = &attention_backward,
                     .cross_entropy = &cross_entropy,
                     .router_forward = &router_forward,
                     .router_backward = &router_backward,
                     .dispatch = &dispatch,
                     .router_stats = &router_stats,
                     .balance_gradient = &balance_gradient,
                     .experts_forward = &experts_forward,
                     .experts_backward = &experts_backward,
                     .transformer_losses = &transformer_losses,
                     .transformer_gradients = &transformer_gradients,
                     .multiply_adds = &multiply_adds};

}  // namespace isoflop::ISOFLOP_ISA
