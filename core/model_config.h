// What a transformer looks like, and how many parameters it has, component by component.
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
//
// Sparse experts (E > 0): every feed-forward becomes E routed experts of width f / G and s shared
// ones of the same width, of which a token passes through k and all s.
//
//   feed-forward  L (E + s) 2 d f / G (GELU), 3 d f / G each (SwiGLU); active: L (k + s) ...
//   router        L E d
//
// A masked model (BERT's objective, Devlin et al. 2019) is the same with attention over the whole
// window, both ways. Its vocabulary ends with [MASK], and before it with next-sentence prediction
// [CLS] and [SEP]: V counts them. Next-sentence prediction adds two segment embeddings and a head
// of two rows, 4 d parameters, counted as positions.
#ifndef ISOFLOP_CORE_MODEL_CONFIG_H_
#define ISOFLOP_CORE_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

namespace isoflop {

enum class Positions { kLearned, kRotary };
enum class Norm { kLayerNorm, kRmsNorm };
enum class FeedForward { kGelu, kSwiglu };

// What the model predicts: each next token from those before it, or tokens that were masked from
// all that were not.
enum class Objective { kAutoregressive, kMasked };

// The weight of a chosen expert: its probability among all (Switch, Fedus et al. 2021, k = 1; with
// any k GShard's without renormalising), or its probability among the k that were chosen (top-k,
// Jiang et al. 2024).
enum class Router { kSwitch, kTopK };

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
  // parametrization. See model/transformer.h.
  std::int64_t mup_base = 0;

  Objective objective = Objective::kAutoregressive;
  bool next_sentence = false;  // masked only
  // Masked models: the share of a window's tokens, beside special ones, that is predicted. Here and
  // not in the recipe because the head is computed for these only (core/flops.h).
  double mask_fraction = 0.15;

  std::int64_t experts = 0;            // E, routed experts a layer; 0: dense
  std::int64_t experts_per_token = 1;  // k
  std::int64_t granularity = 1;        // G: an expert is f / G wide
  std::int64_t shared_experts = 0;     // s, that every token passes through
  Router router = Router::kSwitch;
  // An expert takes at most ceil(this x k T / E) of a batch's T tokens and drops the others; 0: as
  // many as come (dropless).
  double capacity_factor = 0;

  bool sparse() const { return experts > 0; }
  bool masked() const { return objective == Objective::kMasked; }
  std::int64_t expert_width() const { return hidden / granularity; }

  bool operator==(const ModelConfig&) const = default;
};

struct ParamCount {
  std::int64_t embedding = 0;
  std::int64_t positions = 0;
  std::int64_t attention = 0;
  std::int64_t feed_forward = 0;
  std::int64_t norms = 0;
  std::int64_t head = 0;
  std::int64_t router = 0;
  // Of feed_forward: experts that a token does not pass through; 0 in a dense model.
  std::int64_t inactive = 0;

  std::int64_t total() const {
    return embedding + positions + attention + feed_forward + norms + head + router;
  }
  // What a token passes through.
  std::int64_t active() const { return total() - inactive; }
  // Kaplan's N: without embedding, positions and head.
  std::int64_t non_embedding() const { return attention + feed_forward + norms + router; }
  bool operator==(const ParamCount&) const = default;
};

// Throws Error(kUsage) naming the size (model.context, model.width ...) that is none by itself:
// what must hold before anything is computed from them.
void validate_sizes(const ModelConfig& config);
// Throws Error(kUsage) naming the field when the configuration cannot be built.
void validate(const ModelConfig& config);

ParamCount count_params(const ModelConfig& config);

// Tokens that an expert takes at most of `tokens` in training: ceil(c k T / E), never more than
// all, because a token chooses an expert once; 0: as many as come.
std::int64_t expert_capacity(const ModelConfig& config, std::int64_t tokens);

// What the loss of one window is a mean over: all of its `context` tokens, or, of a masked model,
// round(mask_fraction x tokens beside special ones), at least 1.
std::int64_t predictions_per_window(const ModelConfig& config);

// Tokens that the model has beyond its corpus' vocabulary, at the end of its own: 0, 1 ([MASK]) or
// 3 ([CLS], [SEP], [MASK]).
std::int64_t special_tokens(const ModelConfig& config);

// "L2 d32 h2x16 f128": layers, width, heads x head size, feed-forward width; with experts
// "L2 d32 h2x16 f128 e8k2" and, where they are not the defaults, "g4" and "s1".
std::string shape_name(const ModelConfig& config);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_MODEL_CONFIG_H_
