#include "model/transformer.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/cuda/add_norm.h"
#include "model/cuda/head_loss.h"
#include "model/cuda/turned_heads.h"

namespace isoflop {
namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr std::int64_t kNotPredicted = -1;  // TokenBatch::targets
constexpr std::size_t kWithRouter = 8;      // numbers of a sparse model's losses

torch::Tensor apply_norm(const torch::Tensor& x, const torch::Tensor& gain,
                         const torch::Tensor& bias) {
  if (bias.defined()) return torch::layer_norm(x, gain.sizes(), gain, bias, kNormEpsilon);
  return torch::rms_norm(x, gain.sizes(), gain, kNormEpsilon);
}

bool is_fused(const torch::Tensor& x, Fusing fusing) {
  if (fusing != Fusing::kOnDevices) return fusing == Fusing::kEverywhere;
  return x.is_cuda() || type_of_pass(x) == torch::kBFloat16;
}

Fusing fusing_of(TransformerPath path) {
  switch (path) {
    case TransformerPath::kPlain:
      return Fusing::kNever;
    case TransformerPath::kFused:
      return Fusing::kEverywhere;
    case TransformerPath::kFastest:
      break;
  }
  return Fusing::kOnDevices;
}

AddedAndNormed normed(const ResidualStream& stream, const torch::Tensor& gain,
                      const torch::Tensor& bias, Fusing fusing) {
  if (is_fused(stream.x, fusing)) {
    return add_norm(stream.x, stream.y, gain, bias, kNormEpsilon, type_of_pass(stream.x));
  }
  const torch::Tensor sum = stream.sum();
  return {.sum = sum, .normed = apply_norm(sum, gain, bias)};
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

std::vector<float> on_host(const torch::Tensor& values) {
  const auto there = values.to(torch::kCPU, torch::kFloat32).contiguous();
  return {there.data_ptr<float>(), there.data_ptr<float>() + there.numel()};
}

}  // namespace

BlockImpl::BlockImpl(const ModelConfig& config, const torch::Tensor& rotary_cos,
                     const torch::Tensor& rotary_sin, Fusing fusing)
    : config_(config), fusing_(fusing), rotary_cos_(rotary_cos), rotary_sin_(rotary_sin) {
  const auto d = config.width;
  const auto attention_width = config.heads * config.head_size;
  const bool swiglu = config.feed_forward == FeedForward::kSwiglu;
  attention_norm_ = register_parameter("attention_norm", torch::ones({d}));
  qkv_ = register_parameter("qkv", torch::empty({3 * attention_width, d}));
  attention_out_ = register_parameter("attention_out", torch::empty({d, attention_width}));
  feed_forward_norm_ = register_parameter("feed_forward_norm", torch::ones({d}));
  if (config.sparse()) {
    experts_ = register_module("experts", Experts(config));
  } else {
    feed_forward_in_ =
        register_parameter("feed_forward_in", torch::empty({(swiglu ? 2 : 1) * config.hidden, d}));
    feed_forward_out_ = register_parameter("feed_forward_out", torch::empty({d, config.hidden}));
  }
  if (config.norm == Norm::kLayerNorm) {
    attention_norm_bias_ = register_parameter("attention_norm_bias", torch::zeros({d}));
    feed_forward_norm_bias_ = register_parameter("feed_forward_norm_bias", torch::zeros({d}));
  }
  if (config.qk_norm) {
    qk_gain_ = register_parameter("qk_gain", torch::ones({2, 1, 1, 1, config.head_size}));
  }
}

ResidualStream BlockImpl::forward(const ResidualStream& stream) {
  const auto first = normed(stream, attention_norm_, attention_norm_bias_, fusing_);
  const auto second = normed({first.sum, attention(first.normed)}, feed_forward_norm_,
                             feed_forward_norm_bias_, fusing_);
  return {second.sum, feed_forward(second.normed)};
}

// Inputs of scaled_dot_product_attention for which it takes flash attention on devices, causal or
// not: bfloat16, heads' values side by side, no mask.
torch::Tensor BlockImpl::attention(const torch::Tensor& x) {
  const auto B = x.size(0), T = x.size(1);
  const auto h = config_.heads, k = config_.head_size;
  const auto qkv = product(x, qkv_).view({B, T, 3, h, k});
  const Heads heads = is_fused(qkv, fusing_) ? fused_heads(qkv) : plain_heads(qkv);
  const auto mixed = torch::scaled_dot_product_attention(heads.q, heads.k, heads.v, {}, 0.0,
                                                         /*is_causal=*/!config_.masked());
  return product(mixed.transpose(1, 2).reshape({B, T, h * k}), attention_out_);
}

Heads BlockImpl::fused_heads(const torch::Tensor& qkv) const {
  HeadTables tables{.gain = qk_gain_, .epsilon = kNormEpsilon};
  if (rotary_cos_.defined()) {
    tables.cos = rotary_cos_.slice(0, 0, qkv.size(1));
    tables.sin = rotary_sin_.slice(0, 0, qkv.size(1));
  }
  return turned_heads(qkv, tables);
}

Heads BlockImpl::plain_heads(const torch::Tensor& qkv) const {
  const auto parts = qkv.permute({2, 0, 3, 1, 4}).split_with_sizes({2, 1});
  torch::Tensor qk = parts[0];  // [2, B, h, T, k]: q and k have the same way to go
  if (config_.qk_norm) {
    qk = torch::rms_norm(qk, {config_.head_size}, {}, kNormEpsilon) * qk_gain_;
  }
  if (rotary_cos_.defined()) {
    const auto T = qkv.size(1);
    qk = rotate(qk, rotary_cos_.slice(0, 0, T), rotary_sin_.slice(0, 0, T));
  }
  const auto q_and_k = qk.unbind();
  return {q_and_k[0], q_and_k[1], parts[1].squeeze(0)};
}

torch::Tensor BlockImpl::feed_forward(const torch::Tensor& x) {
  if (!experts_.is_empty()) return experts_->forward(x);
  const auto inner = product(x, feed_forward_in_);
  if (config_.feed_forward == FeedForward::kGelu) {
    return product(torch::gelu(inner, "tanh"), feed_forward_out_);
  }
  const auto parts = inner.chunk(2, -1);
  return product(torch::silu(parts[0]) * parts[1], feed_forward_out_);
}

TransformerImpl::TransformerImpl(const ModelConfig& config, std::uint64_t seed,
                                 TransformerPath path)
    : config_(config), fusing_(fusing_of(path)) {
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
  if (config.next_sentence) {
    segments_ = register_parameter("segments", torch::empty({2, config.width}));
    next_sentence_ = register_parameter("next_sentence", torch::empty({2, config.width}));
  }
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    blocks_.push_back(
        register_module("block" + std::to_string(layer), Block(config, cos, sin, fusing_)));
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
    const bool sparse = config_.sparse();
    const auto fan_in = static_cast<double>(sparse ? config_.expert_width() : config_.hidden);
    fill(sparse ? block->experts_->feed_forward_in_ : block->feed_forward_in_, init_std(d));
    fill(sparse ? block->experts_->feed_forward_out_ : block->feed_forward_out_,
         init_std(fan_in) * residual);
    if (!sparse || config_.shared_experts == 0) continue;
    fill(block->experts_->shared_in_, init_std(d));
    fill(block->experts_->shared_out_,
         init_std(fan_in * static_cast<double>(config_.shared_experts)) * residual);
  }
  for (torch::Tensor* end : {&head_, &segments_, &next_sentence_}) {
    if (end->defined()) fill(*end, embedding_std);
  }
  if (config_.sparse()) initialise_routers(seed);
}

// From a generator of their own: the other weights of a model with one expert are the dense
// model's.
void TransformerImpl::initialise_routers(std::uint64_t seed) {
  constexpr std::uint64_t kRouters = 0x9e3779b97f4a7c15;  // any other seed
  auto generator = torch::make_generator<torch::CPUGeneratorImpl>(seed ^ kRouters);
  for (auto& block : blocks_) {
    block->experts_->router_.normal_(0.0, init_std(static_cast<double>(config_.width)), generator);
  }
}

double TransformerImpl::relative_width() const {
  if (config_.mup_base == 0) return 1.0;
  return static_cast<double>(config_.width) / static_cast<double>(config_.mup_base);
}

torch::Tensor TransformerImpl::last_hidden(const torch::Tensor& tokens,
                                           const torch::Tensor& segments,
                                           std::vector<torch::Tensor>* stream) {
  auto x = torch::embedding(embedding_, tokens);  // and what is added to it: never rounded
  if (positions_.defined()) x = x + positions_.slice(0, 0, tokens.size(1));
  if (segments.defined()) x = x + torch::embedding(segments_, segments);
  if (stream != nullptr) stream->assign(1, x);
  ResidualStream residual{x};
  for (auto& block : blocks_) {
    residual = block->forward(residual);
    if (stream != nullptr) stream->push_back(residual.sum());
  }
  x = normed(residual, final_norm_, final_norm_bias_, fusing_).normed;
  return config_.mup_base > 0 ? x / relative_width() : x;
}

torch::Tensor TransformerImpl::logits(const torch::Tensor& hidden) const {
  return product(hidden, head_.defined() ? head_ : embedding_);
}

LowCopies* TransformerImpl::fresh_copies() {
  if (products_ != torch::kBFloat16) return nullptr;
  if (low_copies_ == nullptr) {
    std::vector<torch::Tensor> matrices;
    for (const torch::Tensor& parameter : parameters()) {
      const bool is_table = parameter.is_same(positions_) || parameter.is_same(segments_) ||
                            (head_.defined() && parameter.is_same(embedding_));
      if (parameter.dim() == 2 && !is_table) matrices.push_back(parameter);
    }
    low_copies_ = std::make_unique<LowCopies>(matrices);
  }
  low_copies_->refresh();
  return low_copies_.get();
}

torch::Tensor TransformerImpl::forward(const torch::Tensor& tokens,
                                       std::vector<torch::Tensor>* stream) {
  const LowPrecision low(fresh_copies(), tokens.device());
  const auto first = segments_.defined() ? torch::zeros_like(tokens) : torch::Tensor();
  const auto all = logits(last_hidden(tokens, first, stream));
  return all.scalar_type() == torch::kBFloat16 ? all.to(torch::kFloat32) : all;
}

torch::Tensor TransformerImpl::loss(const torch::Tensor& tokens, const torch::Tensor& targets) {
  const LowPrecision low(fresh_copies(), tokens.device());
  const auto first = segments_.defined() ? torch::zeros_like(tokens) : torch::Tensor();
  return cross_entropy(last_hidden(tokens, first, nullptr).flatten(0, 1), targets.flatten(),
                       at::Reduction::Mean);
}

torch::Tensor TransformerImpl::cross_entropy(const torch::Tensor& hidden,
                                             const torch::Tensor& targets,
                                             std::int64_t reduction) const {
  if (!is_fused(hidden, fusing_)) {
    auto all = logits(hidden);
    if (all.scalar_type() == torch::kBFloat16) all = all.to(torch::kFloat32);
    return torch::cross_entropy_loss(all, targets, {}, reduction, kNotPredicted);
  }
  const torch::Tensor& head = head_.defined() ? head_ : embedding_;
  return reduction == at::Reduction::Mean ? head_loss(hidden, head, targets)
                                          : head_losses(hidden, head, targets);
}

TransformerImpl::Losses TransformerImpl::losses(const DeviceBatch& batch, std::int64_t reduction) {
  const LowPrecision low(fresh_copies(), batch.inputs.device());
  auto hidden = last_hidden(batch.inputs, batch.segments, nullptr);
  Losses losses;
  if (batch.follows.defined()) {
    auto logits = product(hidden.select(1, 0), next_sentence_);
    if (logits.scalar_type() == torch::kBFloat16) logits = logits.to(torch::kFloat32);
    losses.next_sentence = torch::cross_entropy_loss(logits, batch.follows, {}, reduction);
  }
  auto targets = batch.targets.flatten();
  hidden = hidden.flatten(0, 1);
  if (batch.predicted.defined()) {
    hidden = hidden.index_select(0, batch.predicted);
    targets = targets.index_select(0, batch.predicted);
  }
  losses.tokens = cross_entropy(hidden, targets, reduction);
  return losses;
}

DeviceBatch TransformerImpl::on_device(const TokenBatch& batch) const {
  const auto move = [&](const std::vector<std::int32_t>& values, at::IntArrayRef sizes) {
    // from_blob takes no const pointer; the copy is all that reads it.
    auto* first = const_cast<std::int32_t*>(values.data());
    return torch::from_blob(first, sizes, torch::kInt32)
        .to(embedding_.device(), torch::kInt64, /*non_blocking=*/false, /*copy=*/true);
  };
  const std::int64_t rows = batch.sequences, length = batch.length;
  DeviceBatch there{.inputs = move(batch.inputs, {rows, length}),
                    .targets = move(batch.targets, {rows, length})};
  if (config_.masked()) {
    const std::vector<std::int32_t> predicted = predicted_places(batch.targets);
    there.predicted = move(predicted, {static_cast<std::int64_t>(predicted.size())});
  }
  if (config_.next_sentence) {
    there.segments = move(batch.segments, {rows, length});
    there.follows = move(batch.follows, {rows});
  }
  return there;
}

BatchLosses TransformerImpl::add_gradients(const TokenBatch& batch, double scale) {
  if (runs_on_kernels()) {
    const PassLosses losses =
        pass_->add_gradients(weights(), gradients(), batch, scale, router_weights_);
    return {.loss = losses.loss, .router = losses.router};
  }
  const torch::Tensor numbers =
      add_gradients(on_device(batch), scale).to(torch::kCPU, torch::kFloat64);
  return batch_losses({numbers.data_ptr<double>(), static_cast<std::size_t>(numbers.numel())});
}

torch::Tensor TransformerImpl::add_gradients(const DeviceBatch& batch, double scale) {
  train();  // experts of limited capacity drop tokens in training only
  const Losses means = losses(batch, at::Reduction::Mean);
  torch::Tensor whole = means.tokens;
  if (means.next_sentence.defined()) whole = whole + means.next_sentence;
  if (config_.sparse()) whole = whole + router_loss();
  (whole * scale).backward();
  const auto one = [](const torch::Tensor& mean) { return mean.detach().view(1); };
  const torch::Tensor loss = one(means.tokens);
  const bool has_next = means.next_sentence.defined();
  if (!has_next && !config_.sparse()) return loss;
  const torch::Tensor next = has_next ? one(means.next_sentence) : torch::zeros_like(loss);
  if (!config_.sparse()) return torch::cat({loss, next});
  return torch::cat({loss, next, take_router_stats().to(loss.scalar_type())});
}

std::int64_t loss_numbers(const ModelConfig& config) {
  return config.sparse() ? static_cast<std::int64_t>(kWithRouter) : config.next_sentence ? 2 : 1;
}

BatchLosses batch_losses(std::span<const double> numbers) {
  BatchLosses losses{.loss = numbers[0]};
  if (numbers.size() > 1) losses.next_sentence = numbers[1];
  if (numbers.size() < kWithRouter) return losses;
  for (std::size_t i = 0; const auto& field : kRouterStatsFields) {
    losses.router.*field.value = numbers[2 + i++];
  }
  return losses;
}

std::vector<double> numbers_of(const BatchLosses& losses) {
  std::vector<double> numbers{losses.loss, losses.next_sentence};
  for (const auto& field : kRouterStatsFields) numbers.push_back(losses.router.*field.value);
  return numbers;
}

torch::Tensor TransformerImpl::router_loss() const {
  torch::Tensor sum;
  for (const Block& block : blocks_) {
    const RouterPass& pass = block->experts_->last();
    const auto of_layer = pass.balance * router_weights_.balance + pass.z * router_weights_.z;
    sum = sum.defined() ? sum + of_layer : of_layer;
  }
  return sum / static_cast<double>(blocks_.size());
}

// Also lets go of the layers' graphs.
torch::Tensor TransformerImpl::take_router_stats() {
  std::vector<torch::Tensor> layers;
  for (Block& block : blocks_) {
    layers.push_back(block->experts_->last().stats);
    block->experts_->reset_last();
  }
  return torch::stack(layers).mean(0);
}

std::vector<float> TransformerImpl::token_losses(const TokenBatch& batch) {
  std::vector<float> next_sentence;
  return token_losses(batch, next_sentence);
}

std::vector<float> TransformerImpl::token_losses(const TokenBatch& batch,
                                                 std::vector<float>& next_sentence) {
  next_sentence.clear();
  if (runs_on_kernels()) {
    std::vector<float> all(batch.targets.size());
    pass_->token_losses(weights(), batch, all);
    return all;
  }
  torch::InferenceMode inference;
  eval();
  const DeviceBatch there = on_device(batch);
  const Losses each = losses(there, at::Reduction::None);
  if (each.next_sentence.defined()) next_sentence = on_host(each.next_sentence);
  if (!there.predicted.defined()) return on_host(each.tokens);
  const auto none = torch::zeros({there.targets.numel()}, each.tokens.options());
  return on_host(none.index_copy(0, there.predicted, each.tokens));
}

std::vector<ParameterGroup> TransformerImpl::groups() const {
  ParameterGroup ends, hidden{.rate_scale = 1.0 / relative_width()}, vectors{.decays = false};
  for (const auto& named : named_parameters()) {
    const std::string& name = named.key();
    const bool is_end = name == "embedding" || name == "positions" || name == "segments" ||
                        name == "head" || name == "next_sentence";
    const auto dims = named.value().dim();  // experts' matrices have three
    ParameterGroup& group = dims != 2 && dims != 3 ? vectors : is_end ? ends : hidden;
    group.weights.push_back(named.value());
  }
  return {ends, hidden, vectors};
}

}  // namespace isoflop
