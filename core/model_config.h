// What a decoder looks like, and how many parameters it has, component by component.
//
// Shapes: V vocabulary, S context, L layers, d width, h heads of size k (attention width h*k, which
// need not be d), f feed-forward width. There are no biases; dropout does not exist here.
//
//   embedding     V d
//   positions     S d if learned, else 0
//   attention     L (3 d h k + h k d)             (q, k, v and output)
//   feed-forward  L 2 d f (GELU), L 3 d f (SwiGLU)
//   norms         (2 L + 1) d, twice that for LayerNorm (gain and bias); + 2 L k with QK-norm
//   head          V d if untied, else 0
#ifndef ISOFLOP_CORE_MODEL_CONFIG_H_
#define ISOFLOP_CORE_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

namespace isoflop {

enum class Positions { kLearned, kRotary };
enum class Norm { kLayerNorm, kRmsNorm };
enum class FeedForward { kGelu, kSwiglu };

struct ModelConfig {
  std::int64_t vocab = 256;
  std::int64_t context = 128;  // tokens a sequence
  std::int64_t layers = 2;
  std::int64_t width = 32;
  std::int64_t heads = 2;
  std::int64_t head_size = 16;
  std::int64_t hidden = 128;  // feed-forward width f
  Positions positions = Positions::kRotary;
  Norm norm = Norm::kRmsNorm;
  FeedForward feed_forward = FeedForward::kGelu;
  bool tied_head = true;
  bool qk_norm = true;
  // Wavelengths of rotary positions go from 2 pi to 2 pi x this. The usual 10,000 wastes half of
  // the pairs on wavelengths far beyond a context of 128.
  double rotary_base = 100;
  // Width transfer (muP, Yang et al. 2022): the width at which the peak rate was tuned; 0: standard
  // parametrization. See model/decoder.h.
  std::int64_t mup_base = 0;

  bool operator==(const ModelConfig&) const = default;
};

struct ParamCount {
  std::int64_t embedding = 0;
  std::int64_t positions = 0;
  std::int64_t attention = 0;
  std::int64_t feed_forward = 0;
  std::int64_t norms = 0;
  std::int64_t head = 0;

  std::int64_t total() const {
    return embedding + positions + attention + feed_forward + norms + head;
  }
  // Kaplan's N: without embedding, positions and head.
  std::int64_t non_embedding() const { return attention + feed_forward + norms; }
  bool operator==(const ParamCount&) const = default;
};

// Throws Error(kUsage) naming the field when the configuration cannot be built.
void validate(const ModelConfig& config);

ParamCount count_params(const ModelConfig& config);

// "L2 d32 h2x16 f128": layers, width, heads x head size, feed-forward width.
std::string shape_name(const ModelConfig& config);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_MODEL_CONFIG_H_
