#include "model/experts.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/_grouped_mm.h>
#include <algorithm>
#include <cmath>
#include <vector>

namespace isoflop {
namespace {

// The type that products of x are computed in.
torch::ScalarType product_type(const torch::Tensor& x) {
  const auto device = x.device().type();
  if (at::autocast::is_autocast_enabled(device)) return at::autocast::get_autocast_dtype(device);
  return x.scalar_type();
}

}  // namespace

bool can_group_experts(const ModelConfig& config, torch::ScalarType type) {
  return type == torch::kBFloat16 && config.width % 8 == 0 && config.expert_width() % 8 == 0;
}

RouterStats router_stats_of(const torch::Tensor& stats) {
  const auto host = stats.to(torch::kCPU, torch::kFloat64).contiguous();
  RouterStats result;
  const double* number = host.data_ptr<double>();
  for (const auto& field : kRouterStatsFields) result.*field.value = *number++;
  return result;
}

ExpertsImpl::ExpertsImpl(const ModelConfig& config) : config_(config) {
  const auto E = config.experts, d = config.width, f = config.expert_width();
  const auto s = config.shared_experts;
  const std::int64_t inner = config.feed_forward == FeedForward::kSwiglu ? 2 : 1;
  router_ = register_parameter("router", torch::empty({E, d}));
  feed_forward_in_ = register_parameter("feed_forward_in", torch::empty({E, inner * f, d}));
  feed_forward_out_ = register_parameter("feed_forward_out", torch::empty({E, d, f}));
  if (s == 0) return;
  shared_in_ = register_parameter("shared_in", torch::empty({inner * s * f, d}));
  shared_out_ = register_parameter("shared_out", torch::empty({d, s * f}));
}

std::int64_t ExpertsImpl::capacity(std::int64_t tokens) const {
  return is_training() ? expert_capacity(config_, tokens) : 0;
}

torch::Tensor ExpertsImpl::forward(const torch::Tensor& x) {
  const torch::Tensor tokens = x.reshape({-1, config_.width});
  const torch::Tensor decided = logits(tokens);
  const Routing routing = route(decided);
  const std::int64_t most = capacity(tokens.size(0));
  last_ = summary(decided, routing, most);
  torch::Tensor y = most > 0 ? within_capacity(tokens, routing, most) : dropless(tokens, routing);
  if (shared_in_.defined()) {
    y = y + torch::linear(activation(torch::linear(tokens, shared_in_)), shared_out_);
  }
  return y.view(x.sizes());
}

// --- The router.

torch::Tensor ExpertsImpl::logits(const torch::Tensor& x) const {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto type = torch::promote_types(router_.scalar_type(), torch::kFloat32);
  return torch::linear(x.to(type), router_.to(type));
}

Routing ExpertsImpl::route(const torch::Tensor& logits) const {
  const auto tokens = logits.size(0), k = config_.experts_per_token;
  const torch::Tensor all = torch::softmax(logits, -1);
  // A stable sort leaves equals in the order of their indices.
  const torch::Tensor chosen =
      std::get<1>(logits.detach().sort(/*stable=*/true, -1, /*descending=*/true)).slice(1, 0, k);
  const torch::Tensor gates = config_.router == Router::kSwitch
                                  ? all.gather(1, chosen)
                                  : torch::softmax(logits.gather(1, chosen), -1);
  const torch::Tensor expert = chosen.t().reshape(k * tokens);
  const torch::Tensor counts = torch::zeros({config_.experts}, expert.options())
                                   .scatter_add_(0, expert, torch::ones_like(expert));
  return {.expert = expert,
          .gate = gates.t().reshape(k * tokens),
          .counts = counts,
          .order = std::get<1>(expert.sort(/*stable=*/true, 0, /*descending=*/false)),
          .probabilities = all};
}

RouterPass ExpertsImpl::summary(const torch::Tensor& logits, const Routing& routing,
                                std::int64_t capacity) const {
  const auto experts = static_cast<double>(config_.experts);
  const auto choices = static_cast<double>(routing.expert.numel());
  const torch::Tensor log_sum = torch::logsumexp(logits, -1);
  const torch::Tensor share = routing.counts.to(logits.scalar_type()) / choices;
  const torch::Tensor balance = (share * routing.probabilities.mean(0)).sum() * experts;
  const torch::Tensor z = log_sum.square().mean();
  torch::NoGradGuard no_grad;
  // -sum p ln p = ln sum exp l - sum p l.
  const torch::Tensor entropy = log_sum.mean() - (routing.probabilities * logits).sum(-1).mean();
  const torch::Tensor dropped =
      capacity > 0
          ? (routing.counts - capacity).clamp_min(0).sum().to(share.scalar_type()) / choices
          : torch::zeros_like(z);
  const torch::Tensor unused = (routing.counts == 0).to(share.scalar_type()).mean();
  return {.balance = balance,
          .z = z,
          .stats = torch::stack({share.max() * experts, unused, dropped, entropy, balance, z})};
}

// --- The experts.

torch::Tensor ExpertsImpl::activation(const torch::Tensor& inner) const {
  if (config_.feed_forward == FeedForward::kGelu) return torch::gelu(inner, "tanh");
  const auto parts = inner.chunk(2, -1);
  return torch::silu(parts[0]) * parts[1];
}

// Place (e, i) holds the i-th of the choices that fell on expert e. An empty place reads any token
// with weight 0; not all of them the same one, which would be added to again and again.
torch::Tensor ExpertsImpl::within_capacity(const torch::Tensor& x, const Routing& routing,
                                           std::int64_t capacity) const {
  const auto E = config_.experts, tokens = x.size(0);
  const auto places = torch::arange(capacity, routing.order.options());
  const auto first = routing.counts.cumsum(0) - routing.counts;
  const auto filled = (places < routing.counts.unsqueeze(1)).flatten();  // [E capacity]
  const auto sorted = (first.unsqueeze(1) + places).flatten().remainder(routing.order.numel());
  const auto choice = routing.order.index_select(0, sorted);
  const auto token = torch::where(filled, choice, sorted).remainder(tokens);
  const auto gate = torch::where(filled, routing.gate.index_select(0, choice),
                                 torch::zeros({}, routing.gate.options()));
  const auto rows = x.index_select(0, token).view({E, capacity, config_.width});
  const auto inner = activation(torch::bmm(rows, feed_forward_in_.transpose(1, 2)));
  const auto out = torch::bmm(inner, feed_forward_out_.transpose(1, 2)).flatten(0, 1);
  return torch::zeros_like(x).index_add(0, token, (out * gate.unsqueeze(1)).to(x.scalar_type()));
}

torch::Tensor ExpertsImpl::dropless(const torch::Tensor& x, const Routing& routing) const {
  const auto token = routing.order.remainder(x.size(0));
  const auto gate = routing.gate.index_select(0, routing.order).unsqueeze(1);
  const auto rows = x.index_select(0, token);
  const auto out = can_group_experts(config_, product_type(x)) ? by_groups(rows, routing)
                                                               : by_slices(rows, routing);
  return torch::zeros_like(x).index_add(0, token, (out * gate).to(x.scalar_type()));
}

torch::Tensor ExpertsImpl::by_groups(const torch::Tensor& rows, const Routing& routing) const {
  const auto type = product_type(rows);
  const auto ends = routing.counts.cumsum(0).to(torch::kInt32);
  const auto product = [&](const torch::Tensor& a, const torch::Tensor& weights) {
    return at::_grouped_mm(a.to(type), weights.to(type).transpose(1, 2), ends);
  };
  return product(activation(product(rows, feed_forward_in_)), feed_forward_out_);
}

// split and unbind, not a slice an expert: the gradient of a slice is as large as what it was cut
// from.
torch::Tensor ExpertsImpl::by_slices(const torch::Tensor& rows, const Routing& routing) const {
  const auto counts = routing.counts.cpu();
  const auto* count = counts.data_ptr<std::int64_t>();
  const auto parts = rows.split_with_sizes({count, static_cast<std::size_t>(config_.experts)});
  const auto in = feed_forward_in_.unbind(0), out = feed_forward_out_.unbind(0);
  std::vector<torch::Tensor> results;
  for (std::size_t e = 0; e < parts.size(); ++e) {
    if (count[e] == 0) continue;
    results.push_back(torch::linear(activation(torch::linear(parts[e], in[e])), out[e]));
  }
  return torch::cat(results);
}

}  // namespace isoflop
