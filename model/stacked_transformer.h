// K transformers of one shape as one batched model, for devices that one small model does not fill:
// the operations of model/transformer.cc's plain path with a leading K, so that as many kernels run
// as for one model, each K times larger.
//
//   parameters   W [K, ...]; trial k's forward and backward use W[k] only
//   linear       y[k] = x[k] W[k]^T, one batched product          [K, B T, in] -> [K, B T, out]
//   attention    the K B sequences are one batch of scaled_dot_product_attention
//   norms        gains g[k]; losses L[k] = mean cross-entropy of trial k's own predictions
//   gradient     of sum_k L[k], which is every trial's own: a NaN stays in its row
//
// weights() and gradients() are [K, size] float32, row k laid out as trainer/adamw.h's arrays
// (model/flat_layout.h), so that a row is what a checkpoint of that trial holds. Trial k begins as
// Transformer(config, seeds[k]) does.
//
// All dense models, autoregressive and masked: norms, GELU and SwiGLU, positions, QK-norm, tied and
// untied heads, muP. Sparse ones are not stacked, because their experts' loads differ by trial, nor
// those with next-sentence prediction. `products` is the type of products and activations, float32
// or bfloat16; the residual stream, norms' statistics, losses and all that is kept are float32.
//
// No call waits for the device or has shapes that depend on data, so that a step can be captured in
// a CUDA graph. Not thread-safe.
#ifndef ISOFLOP_MODEL_STACKED_TRANSFORMER_H_
#define ISOFLOP_MODEL_STACKED_TRANSFORMER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/model_config.h"
#include "model/flat_layout.h"
#include "model/torch_headers.h"
#include "model/transformer.h"

namespace isoflop {

bool can_be_stacked(const ModelConfig& config);

class StackedTransformer {
 public:
  // Throws Error(kUsage) for a configuration that cannot be built or stacked, and without seeds.
  StackedTransformer(const ModelConfig& config, std::span<const std::int64_t> seeds,
                     torch::Device device, torch::ScalarType products = torch::kFloat32);

  std::int64_t trials() const { return trials_; }
  const ModelConfig& config() const { return config_; }
  torch::Device device() const { return weights_.device(); }

  // Tokens and targets are int64 [K, B, T] on the device, a target of -1 is not predicted. A window
  // of a masked model has predictions_per_window targets, which get the head alone.
  torch::Tensor forward(const torch::Tensor& tokens);  // -> logits [K, B T, V]
  torch::Tensor losses(const torch::Tensor& tokens, const torch::Tensor& targets);  // -> [K]
  // Adds scale x every trial's gradient to gradients(); -> losses [K].
  torch::Tensor add_gradients(const torch::Tensor& tokens, const torch::Tensor& targets,
                              double scale);
  // Cross-entropy of every target, [K, B, T]; 0 where nothing is predicted.
  torch::Tensor token_losses(const torch::Tensor& tokens, const torch::Tensor& targets);

  torch::Tensor& weights() { return weights_; }
  torch::Tensor& gradients() { return gradients_; }
  const FlatLayout& layout() const { return layout_; }

  // Trial k as a model of its own, on the CPU.
  Transformer taken_out(std::int64_t k) const;

 private:
  // A parameter of all trials: the leaf that gets the gradient, and what products read.
  struct Weight {
    torch::Tensor leaf;  // [K, ...] float32, a view of weights()
    torch::Tensor used;  // the same values in the products' type
    bool defined() const { return leaf.defined(); }
  };
  struct BlockWeights {
    Weight attention_norm, attention_norm_bias, qkv, qk_gain, attention_out;
    Weight feed_forward_norm, feed_forward_norm_bias, feed_forward_in, feed_forward_out;
  };

  void make_arrays(std::span<const std::int64_t> seeds, torch::Device device);
  void name_weights(TransformerImpl& model);
  Weight stacked(const FlatPlace& place) const;
  torch::Tensor embed(const torch::Tensor& tokens) const;
  torch::Tensor norm(const torch::Tensor& x, const Weight& gain, const Weight& bias) const;
  torch::Tensor linear(const torch::Tensor& x, const Weight& weight) const;
  torch::Tensor attention(const BlockWeights& block, const torch::Tensor& x,
                          std::int64_t length) const;
  torch::Tensor feed_forward(const BlockWeights& block, const torch::Tensor& x) const;
  torch::Tensor last_hidden(const torch::Tensor& tokens);  // -> [K, B T, d]
  // Of a masked model: int64 [K B P], where something is predicted, among all K B T. Else not
  // defined.
  torch::Tensor places_of(const torch::Tensor& targets) const;
  // -> [K, B P], or [K, B T] without places.
  torch::Tensor each_loss(const torch::Tensor& tokens, const torch::Tensor& targets,
                          const torch::Tensor& places);

  ModelConfig config_;
  std::int64_t trials_;
  torch::ScalarType products_;
  FlatLayout layout_;  // of one trial
  torch::Tensor weights_, gradients_;
  torch::Tensor rounded_;  // weights_ in the products' type, where that is another
  Weight embedding_, positions_, final_norm_, final_norm_bias_, head_;
  std::vector<BlockWeights> blocks_;
  torch::Tensor rotary_cos_, rotary_sin_;  // [S, k]
  torch::Tensor first_row_;                // [K, 1, 1]: k V, where trial k's embedding begins
  std::vector<torch::Tensor> leaves_;      // in the order of the layout's places
  torch::Tensor gaps_;                     // zeros
};

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_STACKED_TRANSFORMER_H_
