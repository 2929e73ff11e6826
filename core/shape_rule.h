// From a parameter target to a concrete shape.
//
// One rule from 2k to 100B parameters, so that a planned model is the continuation of the swept
// ones:
//   width d     a multiple of 4 below 64, of 8 below 128, of 64 below 1,024, of 128 beyond
//   layers L    round(max(sqrt(d / 8), d / 100)): 1 at d = 8, 2 at 32, 4 at 128, 8 at 512, 80 at
//   8,192
//               (near Hoffmann et al. 2022, Table A9, and Chinchilla's own 80 x 8,192)
//   heads       head size about 2 sqrt(d) rounded to a power of two within [4, 128], h = d / k
//   hidden f    4 d (GELU), 8/3 d rounded up to a multiple of 8 (SwiGLU)
// The rule takes the width whose total parameter count is nearest to the target in ln N.
#ifndef ISOFLOP_CORE_SHAPE_RULE_H_
#define ISOFLOP_CORE_SHAPE_RULE_H_

#include <vector>

#include "core/flops.h"
#include "core/model_config.h"

namespace isoflop {

// `base` gives what the rule does not choose: vocabulary, context, positions, norm, feed-forward,
// tying, QK-norm. Throws Error(kUsage) when the target is below the smallest shape by more than 2x.
ModelConfig shape_for_params(double params, const ModelConfig& base);

// The shape of a given width under the rule.
ModelConfig shape_for_width(std::int64_t width, const ModelConfig& base);

// f(N) along the rule, from the smallest shape to `max_params`.
FlopsPerToken flops_along_rule(const ModelConfig& base, FlopConvention convention,
                               double max_params);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_SHAPE_RULE_H_
