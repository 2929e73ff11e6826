// From a parameter target to a concrete shape.
//
// One rule from 9k to 100B parameters (bytes; larger vocabularies start higher), so that a planned
// model is the continuation of the swept ones:
//   width d     a multiple of 4 up to 24, 8 up to 128, 16 up to 256, 32 up to 512, 64 up to 1,024,
//   128
//               beyond
//   layers L    round(min(d / 64, 10 + d / 117)), at least 2: two up to d = 128, 8 at 512, 16 at
//   1,024,
//               80 at 8,192. Close to Hoffmann et al. 2022, Table A9, and Chinchilla's own shape.
//               Two layers at every small size, because a grid whose depth changes on the way is
//               two families of models and bends the law (docs/decisions/demo_grid.md)
//   head size k the largest even divisor of d that is at most min(d / 4, max(16, d / 8)), within
//               [10, 128]: 8 at d = 16 to 32, 16 at 64 to 128, 64 at 512, 128 from 1,024 on. Two
//               heads at d = 32, or eight at 64, cost 0.02 to 0.03 nats
//   hidden f    4 d (GELU), 8/3 d rounded up to a multiple of 8 (SwiGLU)
// The rule takes the width whose total parameter count is nearest to the target in ln N. Of a model
// with experts it is the count of the dense model: experts take the place of its feed-forward and
// change neither width nor depth.
#ifndef ISOFLOP_CORE_SHAPE_RULE_H_
#define ISOFLOP_CORE_SHAPE_RULE_H_

#include <vector>

#include "core/flops.h"
#include "core/model_config.h"
#include "core/params_counted.h"

namespace isoflop {

// `base` gives what the rule does not choose: vocabulary, context, positions, norm, feed-forward,
// tying, QK-norm. Throws Error(kUsage) when the target is below the smallest shape by more than 2x.
// `counted` says what `params` are.
ModelConfig shape_for_params(double params, const ModelConfig& base,
                             ParamsCounted counted = ParamsCounted::kTotal);

// Where `params` count the experts too: the shape of base's experts whose own count is nearest. Of
// a dense model it is shape_for_params'. Widths whose feed-forward base.granularity does not divide
// are passed over. Throws like shape_for_params.
ModelConfig sparse_shape_for_params(double params, const ModelConfig& base,
                                    ParamsCounted counted = ParamsCounted::kTotal);

// The shape of a given width under the rule.
ModelConfig shape_for_width(std::int64_t width, const ModelConfig& base);

// f(N) along the rule, from the smallest shape to `max_params`, N as `counted`; of the sparse model
// with base's experts, where it has some.
FlopsPerToken flops_along_rule(const ModelConfig& base, FlopConvention convention,
                               double max_params, ParamsCounted counted = ParamsCounted::kTotal);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SHAPE_RULE_H_
