// Models as Hoffmann et al. 2022 count them: their vocabulary of 32,000, their context of 2,048,
// and a matrix of relative positions in every layer, which our own decoders do not have.
//
//   matrices          L (4 d h k + 2 d f) + L d h k + V d
//   biases and norms  L (11 d + f) + 2 d
//
// Both together give Table A9 to 0.7 % at the two smallest shapes, 0.25 % up to 600M and 0.1 %
// beyond; the matrices alone are up to 0.15 % less. Table A4 divides by the matrices.
#ifndef ISOFLOP_CORE_HOFFMANN_SHAPE_H_
#define ISOFLOP_CORE_HOFFMANN_SHAPE_H_

#include <cstdint>

#include "core/model_config.h"
#include "core/published_rows.h"

namespace isoflop {

// As a configuration whose FLOPs are counted by conventions hoffmann and hoffmann-layers.
ModelConfig hoffmann_config(const ModelShape& shape);

std::int64_t hoffmann_matrices(const ModelConfig& config);
std::int64_t hoffmann_biases_and_norms(const ModelConfig& config);

// Training FLOPs per token by App. F over 6 N, N the matrices: in the form that gives Table
// A4, as printed, and with the final logits but no embedding.
struct HoffmannRatios {
  double layers = 0;
  double printed = 0;
  double logits = 0;
};
HoffmannRatios hoffmann_flop_ratios(const ModelConfig& config);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_HOFFMANN_SHAPE_H_
