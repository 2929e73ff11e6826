#include "model/transformer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr std::int64_t kNotPredicted = -1;  // TokenBatch::targets

torch::Tensor apply_norm(const torch::Tensor& x, const torch::Tensor& gain,
                         const torch::Tensor& bias) {
  if (bias.defined()) return torch::layer_norm(x, gain.sizes(), gain, bias, kNormEpsilon);
  return torch::rms_norm(x, gain.sizes(), gain, kNormEpsilon);
}

// Turns the pairs (i, i + k/2) of x [..., T, k]: x * (cos, cos) + (x2, x1) * (-sin, sin).
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto swapped = x.roll(x.size(-1) / 2, -1);
  return torch::addcmul(x * cos, swapped, sin);
}

struct RotaryTables {
  torch::Tensor cos, sin;  // [S, k]
};

RotaryTables rotary_tables(const ModelConfig& config) {
  const auto half = torch::arange(config.head_size / 2, torch::kFloat64);
  const auto frequency =
      torch::pow(config.rotary_base, half * (-2.0 / static_cast<double>(config.head_size)));
  const auto angle = torch::outer(torch::arange(config.context, torch::kFloat64), frequency);
  const auto cos = angle.cos(), sin = angle.sin();
  return {torch::cat({cos, cos}, 1).to(torch::kFloat32),
          torch::cat({-sin, sin}, 1).to(torch::kFloat32)};
}

// Standard deviation of a matrix' initial values; `fan_in` is its input width. Matrices that write
// to the residual stream are scaled down by sqrt(2 L), as in GPT-2.
double init_std(double fan_in) { return 1.0 / std::sqrt(fan_in); }

}  // namespace

BlockImpl::BlockImpl(const ModelConfig& config, const torch::Tensor& rotary_cos,
                     const torch::Tensor& rotary_sin)
    : config_(config), rotary_cos_(rotary_cos), rotary_sin_(rotary_sin) {
  const auto d = config.width;
  const auto attention_width = config.heads * config.head_size;
  const bool swiglu = config.feed_forward == FeedForward::kSwiglu;
  attention_norm_ = register_parameter("attention_norm", torch::ones({d}));
  qkv_ = register_parameter("qkv", torch::empty({3 * attention_width, d}));
  attention_out_ = register_parameter("attention_out", torch::empty({d, attention_width}));
  feed_forward_norm_ = register_parameter("feed_forward_norm", torch::ones({d}));
  feed_forward_in_ =
      register_parameter("feed_forward_in", torch::empty({(swiglu ? 2 : 1) * config.hidden, d}));
  feed_forward_out_ = register_parameter("feed_forward_out", torch::empty({d, config.hidden}));
  if (config.norm == Norm::kLayerNorm) {
    attention_norm_bias_ = register_parameter("attention_norm_bias", torch::zeros({d}));
    feed_forward_norm_bias_ = register_parameter("feed_forward_norm_bias", torch::zeros({d}));
  }
  if (config.qk_norm) {
    qk_gain_ = register_parameter("qk_gain", torch::ones({2, 1, 1, 1, config.head_size}));
  }
}

torch::Tensor BlockImpl::forward(torch::Tensor x) {
  x = x + attention(apply_norm(x, attention_norm_, attention_norm_bias_));
  return x + feed_forward(apply_norm(x, feed_forward_norm_, feed_forward_norm_bias_));
}

torch::Tensor BlockImpl::attention(const torch::Tensor& x) {
  const auto B = x.size(0), T = x.size(1);
  const auto h = config_.heads, k = config_.head_size;
  const auto qkv = torch::linear(x, qkv_).view({B, T, 3, h, k}).permute({2, 0, 3, 1, 4});
  const auto parts = qkv.split_with_sizes({2, 1});
  torch::Tensor qk = parts[0];  // [2, B, h, T, k]: q and k have the same way to go
  if (config_.qk_norm) qk = torch::rms_norm(qk, {k}, {}, kNormEpsilon) * qk_gain_;
  if (rotary_cos_.defined())
    qk = rotate(qk, rotary_cos_.slice(0, 0, T), rotary_sin_.slice(0, 0, T));
  const auto q_and_k = qk.unbind();
  const auto mixed = torch::scaled_dot_product_attention(
      q_and_k[0], q_and_k[1], parts[1].squeeze(0), {}, 0.0, /*is_causal=*/true);
  return torch::linear(mixed.transpose(1, 2).reshape({B, T, h * k}), attention_out_);
}

torch::Tensor BlockImpl::feed_forward(const torch::Tensor& x) {
  const auto inner = torch::linear(x, feed_forward_in_);
  if (config_.feed_forward == FeedForward::kGelu) {
    return torch::linear(torch::gelu(inner, "tanh"), feed_forward_out_);
  }
  const auto parts = inner.chunk(2, -1);
  return torch::linear(torch::silu(parts[0]) * parts[1], feed_forward_out_);
}

TransformerImpl::TransformerImpl(const ModelConfig& config, std::uint64_t seed,
                                 TransformerPath path)
    : config_(config) {
  validate(config);
  if (path == TransformerPath::kFastest) pass_ = std::make_unique<TransformerPass>(config);
  torch::Tensor cos, sin;
  if (config.positions == Positions::kRotary) {
    const RotaryTables tables = rotary_tables(config);
    cos = register_buffer("rotary_cos", tables.cos);
    sin = register_buffer("rotary_sin", tables.sin);
  }
  embedding_ = register_parameter("embedding", torch::empty({config.vocab, config.width}));
  if (config.positions == Positions::kLearned) {
    positions_ = register_parameter("positions", torch::empty({config.context, config.width}));
  }
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    blocks_.push_back(register_module("block" + std::to_string(layer), Block(config, cos, sin)));
  }
  final_norm_ = register_parameter("final_norm", torch::ones({config.width}));
  if (config.norm == Norm::kLayerNorm) {
    final_norm_bias_ = register_parameter("final_norm_bias", torch::zeros({config.width}));
  }
  if (!config.tied_head) {
    head_ = register_parameter("head", torch::empty({config.vocab, config.width}));
  }
  initialise(seed);
}

void TransformerImpl::initialise(std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed);
  const auto d = static_cast<double>(config_.width);
  const auto attention_width = static_cast<double>(config_.heads * config_.head_size);
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(config_.layers));
  const auto fill = [&](torch::Tensor& weight, double std) { weight.normal_(0.0, std, generator); };
  const double embedding_std = init_std(d / relative_width());
  fill(embedding_, embedding_std);
  if (positions_.defined()) fill(positions_, embedding_std);
  for (auto& block : blocks_) {
    fill(block->qkv_, init_std(d));
    fill(block->attention_out_, init_std(attention_width) * residual);
    fill(block->feed_forward_in_, init_std(d));
    fill(block->feed_forward_out_, init_std(static_cast<double>(config_.hidden)) * residual);
  }
  if (head_.defined()) fill(head_, embedding_std);
}

double TransformerImpl::relative_width() const {
  if (config_.mup_base == 0) return 1.0;
  return static_cast<double>(config_.width) / static_cast<double>(config_.mup_base);
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& tokens,
                                       std::vector<torch::Tensor>* stream) {
  auto x = torch::embedding(embedding_, tokens);
  if (positions_.defined()) x = x + positions_.slice(0, 0, tokens.size(1));
  if (stream != nullptr) stream->assign(1, x);
  for (auto& block : blocks_) {
    x = block->forward(x);
    if (stream != nullptr) stream->push_back(x);
  }
  x = apply_norm(x, final_norm_, final_norm_bias_);
  if (config_.mup_base > 0) x = x / relative_width();
  return torch::linear(x, head_.defined() ? head_ : embedding_);
}

torch::Tensor TransformerImpl::loss(const torch::Tensor& tokens, const torch::Tensor& targets) {
  return torch::cross_entropy_loss(forward(tokens).flatten(0, 1), targets.flatten(), {},
                                   at::Reduction::Mean, kNotPredicted);
}

TransformerImpl::DeviceBatch TransformerImpl::on_device(const TokenBatch& batch) const {
  const auto move = [&](const std::vector<std::int32_t>& tokens) {
    // from_blob takes no const pointer; the copy is all that reads it.
    auto* first = const_cast<std::int32_t*>(tokens.data());
    return torch::from_blob(first, {batch.sequences, batch.length}, torch::kInt32)
        .to(embedding_.device(), torch::kInt64, /*non_blocking=*/false, /*copy=*/true);
  };
  return {move(batch.inputs), move(batch.targets)};
}

BatchLosses TransformerImpl::add_gradients(const TokenBatch& batch, double scale) {
  if (runs_on_kernels())
    return {.loss = pass_->add_gradients(weights(), gradients(), batch, scale).loss};
  const DeviceBatch there = on_device(batch);
  const torch::Tensor mean = loss(there.inputs, there.targets);
  (mean * scale).backward();
  return {.loss = mean.item<double>()};
}

std::vector<float> TransformerImpl::token_losses(const TokenBatch& batch) {
  std::vector<float> losses(batch.targets.size());
  if (runs_on_kernels()) {
    pass_->token_losses(weights(), batch, losses);
    return losses;
  }
  torch::InferenceMode inference;
  const DeviceBatch there = on_device(batch);
  const auto all =
      torch::cross_entropy_loss(forward(there.inputs).flatten(0, 1), there.targets.flatten(), {},
                                at::Reduction::None, kNotPredicted)
          .cpu();
  std::copy_n(all.data_ptr<float>(), losses.size(), losses.begin());
  return losses;
}

std::vector<ParameterGroup> TransformerImpl::groups() const {
  ParameterGroup ends, hidden{.rate_scale = 1.0 / relative_width()}, vectors{.decays = false};
  for (const auto& named : named_parameters()) {
    const std::string& name = named.key();
    const bool is_end = name == "embedding" || name == "positions" || name == "head";
    ParameterGroup& group = named.value().dim() != 2 ? vectors : is_end ? ends : hidden;
    group.weights.push_back(named.value());
  }
  return {ends, hidden, vectors};
}

}  // namespace isoflop
