// Where a model's parameters and training FLOPs are: component by component, under convention
// "exact" of core/flops.h. The parts of the parameters add up to count_params(config).total(),
// those of the FLOPs to train_flops_per_token(config, FlopConvention::kExact).
//
//   attention         3 x 2 L (4 d h k)   q, k, v and output
//   attention scores  3 x 4 L S h k       q k^T and its product with v, over the full square
//   feed-forward      3 x 2 x its parameters
//   router            3 x 2 L E d         of sparse models, whose experts count where they are
//   active head              3 x 2 V d           at the tokens that are predicted; also where it is
//   tied and has no parameters of its own
//
// Look-ups, norms and softmaxes are no matrix products and count 0.
#ifndef ISOFLOP_CORE_FLOP_PARTS_H_
#define ISOFLOP_CORE_FLOP_PARTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/model_config.h"

namespace isoflop {

struct FlopPart {
  std::string name;
  std::int64_t params = 0;
  double flops = 0;  // of training, per token
};

std::vector<FlopPart> flop_parts(const ModelConfig& config);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_FLOP_PARTS_H_
