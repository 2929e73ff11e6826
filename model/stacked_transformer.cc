#include "model/stacked_transformer.h"

#include <map>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr double kStackedNormEpsilon = 1e-6;  // as in transformer.cc
constexpr std::int64_t kNoTarget = -1;        // TokenBatch::targets
constexpr std::int64_t kMostGap = 16;         // numbers between two parameters: flat_layout.cc

// a[k] b[k] in float32, whatever type a and b have: nothing is rounded.
torch::Tensor exact_products(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.scalar_type() == torch::kFloat32) return torch::bmm(a, b);
  if (a.is_cuda()) return at::bmm(a, b, torch::kFloat32);
  return torch::bmm(a.to(torch::kFloat32), b.to(torch::kFloat32));
}

// y[k] = x[k] W[k]^T. The gradient of the weights goes to the float32 leaf, whatever type the
// product has, and in the weights' own order of numbers.
struct StackedLinear : torch::autograd::Function<StackedLinear> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& /*leaf*/, const torch::Tensor& used) {
    const auto rounded = x.to(used.scalar_type());
    context->save_for_backward({rounded, used});
    context->saved_data["type"] = x.scalar_type();
    return torch::bmm(rounded, used.transpose(1, 2));
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list above) {
    const auto saved = context->get_saved_variables();
    const auto& x = saved[0];
    const auto& used = saved[1];
    const auto dy = above[0].to(used.scalar_type());
    const auto type = context->saved_data["type"].toScalarType();
    return {torch::bmm(dy, used).to(type), exact_products(dy.transpose(1, 2), x), {}};
  }
};

// Turns the pairs (i, i + k/2) of x [..., T, k], as transformer.cc does.
torch::Tensor turned(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  return torch::addcmul(x * cos, x.roll(x.size(-1) / 2, -1), sin);
}

std::vector<std::int64_t> with_trials(std::int64_t trials, at::IntArrayRef sizes) {
  std::vector<std::int64_t> all{trials};
  all.insert(all.end(), sizes.begin(), sizes.end());
  return all;
}

}  // namespace

bool can_be_stacked(const ModelConfig& config) { return !config.sparse() && !config.next_sentence; }

StackedTransformer::StackedTransformer(const ModelConfig& config,
                                       std::span<const std::int64_t> seeds, torch::Device device,
                                       torch::ScalarType products)
    : config_(config), trials_(static_cast<std::int64_t>(seeds.size())), products_(products) {
  if (seeds.empty() || !can_be_stacked(config)) {
    throw usage_error("stack: " + shape_name(config) + ": of " + std::to_string(seeds.size()) +
                      " trials: only dense models without next-sentence prediction are trained as "
                      "one: train it alone (--stack 1)");
  }
  make_arrays(seeds, device);
}

void StackedTransformer::make_arrays(std::span<const std::int64_t> seeds, torch::Device device) {
  torch::NoGradGuard no_grad;
  std::vector<Transformer> models;
  for (const std::int64_t seed : seeds) {
    Transformer model(config_, static_cast<std::uint64_t>(seed), TransformerPath::kPlain);
    const FlatLayout layout = flat_layout(model->groups());
    if (models.empty()) {
      layout_ = layout;
      weights_ = torch::zeros({trials_, layout.size});
    }
    const auto row = weights_[static_cast<std::int64_t>(models.size())];
    for (const FlatPlace& place : layout.places) {
      row.narrow(0, place.offset, place.weight.numel()).copy_(place.weight.flatten());
    }
    models.push_back(model);
  }
  weights_ = weights_.to(device);
  gradients_ = torch::zeros_like(weights_);
  if (products_ != torch::kFloat32) rounded_ = weights_.to(products_);
  first_row_ = (torch::arange(trials_, torch::kInt64) * config_.vocab).view({-1, 1, 1}).to(device);
  for (const auto& buffer : models.front()->named_buffers()) {
    if (buffer.key() == "rotary_cos") rotary_cos_ = buffer.value().to(device);
    if (buffer.key() == "rotary_sin") rotary_sin_ = buffer.value().to(device);
  }
  gaps_ = torch::zeros({trials_, kMostGap}, weights_.options());
  name_weights(*models.front());
}

void StackedTransformer::name_weights(TransformerImpl& model) {
  std::map<std::string, Weight> weights;
  const auto named = model.named_parameters();
  for (const FlatPlace& place : layout_.places) {
    const Weight weight = stacked(place);
    leaves_.push_back(weight.leaf);
    for (const auto& one : named) {
      if (place.weight.is_same(one.value())) weights[one.key()] = weight;
    }
  }
  embedding_ = weights["embedding"];
  positions_ = weights["positions"];
  final_norm_ = weights["final_norm"];
  final_norm_bias_ = weights["final_norm_bias"];
  head_ = config_.tied_head ? embedding_ : weights["head"];
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    const std::string block = "block" + std::to_string(layer) + ".";
    blocks_.push_back({.attention_norm = weights[block + "attention_norm"],
                       .attention_norm_bias = weights[block + "attention_norm_bias"],
                       .qkv = weights[block + "qkv"],
                       .qk_gain = weights[block + "qk_gain"],
                       .attention_out = weights[block + "attention_out"],
                       .feed_forward_norm = weights[block + "feed_forward_norm"],
                       .feed_forward_norm_bias = weights[block + "feed_forward_norm_bias"],
                       .feed_forward_in = weights[block + "feed_forward_in"],
                       .feed_forward_out = weights[block + "feed_forward_out"]});
  }
}

StackedTransformer::Weight StackedTransformer::stacked(const FlatPlace& place) const {
  const auto sizes = with_trials(trials_, place.weight.sizes());
  const auto view = [&](const torch::Tensor& flat) {
    return flat.narrow(1, place.offset, place.weight.numel()).view(sizes).detach();
  };
  Weight weight{.leaf = view(weights_), .used = view(rounded_.defined() ? rounded_ : weights_)};
  weight.leaf.requires_grad_(true);
  return weight;
}

// --- Forward.

torch::Tensor StackedTransformer::embed(const torch::Tensor& tokens) const {
  const auto K = trials_, T = tokens.size(2), d = config_.width;
  const auto rows = embedding_.leaf.reshape({K * config_.vocab, d});
  auto x = torch::embedding(rows, tokens + first_row_);  // [K, B, T, d]
  if (positions_.defined()) x = x + positions_.leaf.slice(1, 0, T).unsqueeze(1);
  return x.view({K, -1, d});
}

torch::Tensor StackedTransformer::norm(const torch::Tensor& x, const Weight& gain,
                                       const Weight& bias) const {
  const std::vector<std::int64_t> last{config_.width};
  const auto gains = gain.leaf.unsqueeze(1);
  if (!bias.defined()) return torch::rms_norm(x, last, {}, kStackedNormEpsilon) * gains;
  const auto normed = torch::layer_norm(x, last, {}, {}, kStackedNormEpsilon);
  return torch::addcmul(bias.leaf.unsqueeze(1), normed, gains);
}

torch::Tensor StackedTransformer::linear(const torch::Tensor& x, const Weight& weight) const {
  return StackedLinear::apply(x, weight.leaf, weight.used);
}

torch::Tensor StackedTransformer::attention(const BlockWeights& block, const torch::Tensor& x,
                                            std::int64_t length) const {
  const auto K = trials_, T = length, h = config_.heads, k = config_.head_size;
  const auto B = x.size(1) / T;
  const auto qkv = linear(x, block.qkv).view({K * B, T, 3, h, k}).permute({2, 0, 3, 1, 4});
  const auto parts = qkv.split_with_sizes({2, 1});
  torch::Tensor qk = parts[0];  // [2, K B, h, T, k]
  if (config_.qk_norm) {
    const auto gains = block.qk_gain.leaf.view({K, 2, 1, 1, 1, k}).transpose(0, 1);
    // Rounded once, when it has been turned: as model/cuda/turned_heads.h does.
    const auto normed = torch::rms_norm(qk.to(torch::kFloat32), {k}, {}, kStackedNormEpsilon);
    qk = (normed.unflatten(1, {K, B}) * gains).flatten(1, 2);
  }
  if (rotary_cos_.defined()) {
    qk = turned(qk, rotary_cos_.slice(0, 0, T), rotary_sin_.slice(0, 0, T));
  }
  const auto q_and_k = qk.to(products_).unbind();
  const auto mixed = torch::scaled_dot_product_attention(
      q_and_k[0], q_and_k[1], parts[1].squeeze(0), {}, 0.0, /*is_causal=*/!config_.masked());
  return linear(mixed.transpose(1, 2).reshape({K, B * T, h * k}), block.attention_out);
}

torch::Tensor StackedTransformer::feed_forward(const BlockWeights& block,
                                               const torch::Tensor& x) const {
  const auto inner = linear(x, block.feed_forward_in);
  if (config_.feed_forward == FeedForward::kGelu) {
    return linear(torch::gelu(inner, "tanh"), block.feed_forward_out);
  }
  const auto parts = inner.chunk(2, -1);
  return linear(torch::silu(parts[0]) * parts[1], block.feed_forward_out);
}

torch::Tensor StackedTransformer::forward(const torch::Tensor& tokens) {
  return linear(last_hidden(tokens), head_);
}

torch::Tensor StackedTransformer::last_hidden(const torch::Tensor& tokens) {
  if (rounded_.defined()) {
    torch::NoGradGuard no_grad;
    rounded_.copy_(weights_);
  }
  const std::int64_t length = tokens.size(2);
  auto x = embed(tokens);  // [K, B T, d]
  for (const BlockWeights& block : blocks_) {
    x = x + attention(block, norm(x, block.attention_norm, block.attention_norm_bias), length);
    x = x + feed_forward(block, norm(x, block.feed_forward_norm, block.feed_forward_norm_bias));
  }
  x = norm(x, final_norm_, final_norm_bias_);
  if (config_.mup_base > 0) {
    x = x / (static_cast<double>(config_.width) / static_cast<double>(config_.mup_base));
  }
  return x;
}

// --- Losses.

// A stable sort brings what is predicted to the front of its window, and its length does not depend
// on the data.
torch::Tensor StackedTransformer::places_of(const torch::Tensor& targets) const {
  if (!config_.masked()) return {};
  const auto predicted = targets.ne(kNoTarget).to(torch::kInt32);
  const auto place = std::get<1>(predicted.sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true))
                         .slice(2, 0, predictions_per_window(config_));
  const auto window = torch::arange(targets.size(0) * targets.size(1), place.options());
  return (window.view({trials_, -1, 1}) * targets.size(2) + place).flatten();
}

torch::Tensor StackedTransformer::each_loss(const torch::Tensor& tokens,
                                            const torch::Tensor& targets,
                                            const torch::Tensor& places) {
  auto hidden = last_hidden(tokens);
  auto wanted = targets.flatten();
  if (places.defined()) {
    hidden = hidden.flatten(0, 1).index_select(0, places).view({trials_, -1, config_.width});
    wanted = wanted.index_select(0, places);
  }
  const auto logits = linear(hidden, head_).flatten(0, 1).to(torch::kFloat32);
  return torch::cross_entropy_loss(logits, wanted, {}, at::Reduction::None, kNoTarget)
      .view({trials_, -1});
}

torch::Tensor StackedTransformer::losses(const torch::Tensor& tokens,
                                         const torch::Tensor& targets) {
  return each_loss(tokens, targets, places_of(targets)).sum(1) /
         targets.flatten(1).ne(kNoTarget).sum(1);
}

torch::Tensor StackedTransformer::add_gradients(const torch::Tensor& tokens,
                                                const torch::Tensor& targets, double scale) {
  const auto means = losses(tokens, targets);
  auto pieces = torch::autograd::grad({means.sum() * scale}, leaves_);
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> row;  // with what lies between parameters
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& place = layout_.places[i];
    const auto end = i + 1 < pieces.size() ? layout_.places[i + 1].offset : layout_.size;
    row.push_back(pieces[i].reshape({trials_, -1}));
    const auto gap = end - place.offset - place.weight.numel();
    if (gap > 0) row.push_back(gaps_.narrow(1, 0, gap));
  }
  gradients_.add_(torch::cat(row, 1));
  return means.detach();
}

torch::Tensor StackedTransformer::token_losses(const torch::Tensor& tokens,
                                               const torch::Tensor& targets) {
  torch::NoGradGuard no_grad;
  const auto places = places_of(targets);
  const auto each = each_loss(tokens, targets, places);
  if (!places.defined()) return each.view(targets.sizes());
  return torch::zeros({targets.numel()}, each.options())
      .index_copy(0, places, each.flatten())
      .view(targets.sizes());
}

Transformer StackedTransformer::taken_out(std::int64_t k) const {
  torch::NoGradGuard no_grad;
  Transformer model(config_, 0);
  const auto row = weights_[k].cpu();
  for (const FlatPlace& place : flat_layout(model->groups()).places) {
    const auto values = row.narrow(0, place.offset, place.weight.numel());
    torch::Tensor(place.weight).copy_(values.view_as(place.weight));
  }
  return model;
}

}  // namespace isoflop
