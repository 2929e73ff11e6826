// Softmax cross-entropy of many tokens at once, with its gradient left in place.
//
//   loss_t = ln sum_v e^(z_v - m) + m - z_target,   m = max_v z_v
//   d loss_t / d z_v = p_v - [v = target] = left_vt / sums_t
//   left_vt = e^(z_v - m) - [v = target] sums_t,    sums_t = sum_v e^(z_v - m)
//
// The division by sums_t is left to the caller, who has narrower rows than V to multiply.
//
// logits: [vocab, columns], feature-major, rows `stride` apart; overwritten by `left`. targets:
// [columns], -1 for a column that holds no token: its loss is 0 and its `left` of no meaning, but
// finite. losses, sums: [columns]. Losses are nats; what is not finite stays so.
#ifndef ISOFLOP_KERNELS_CROSS_ENTROPY_H_
#define ISOFLOP_KERNELS_CROSS_ENTROPY_H_

#include <cstdint>

#include "kernels/vec.h"

namespace isoflop {

struct CrossEntropyShape {
  std::int64_t vocab, columns, stride;
};

namespace ISOFLOP_ISA {

void cross_entropy(const CrossEntropyShape& shape, float* logits, const std::int32_t* targets,
                   float* losses, float* sums);

}  // namespace ISOFLOP_ISA
}  // namespace isoflop

#endif  // ISOFLOP_KERNELS_CROSS_ENTROPY_H_
