#include "core/flops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::array kAll{FlopConvention::k6nd, FlopConvention::kExact, FlopConvention::kKaplan,
                          FlopConvention::kHoffmann, FlopConvention::kHoffmannLayers};

// The head's matrix for every token that is predicted, a token of the window.
double predicted_head(const ModelConfig& m) {
  const auto head = static_cast<double>(m.vocab * m.width);
  if (!m.masked()) return head;
  return head * static_cast<double>(predictions_per_window(m)) / static_cast<double>(m.context);
}

double exact_forward(const ModelConfig& m) {
  const ParamCount count = count_params(m);
  const auto matrices =
      static_cast<double>(count.attention + count.feed_forward - count.inactive + count.router) +
      predicted_head(m);
  const auto attention = 4.0 * static_cast<double>(m.layers * m.context * m.heads * m.head_size);
  return 2.0 * matrices + attention;
}

// Hoffmann et al. 2022, App. F, divided by the sequence length S. Its "dense block" is two matrices
// of width f; a gated feed-forward has three.
double hoffmann_layers_forward(const ModelConfig& m) {
  const auto S = static_cast<double>(m.context);
  const auto d = static_cast<double>(m.width);
  const auto kh = static_cast<double>(m.heads * m.head_size);
  const auto h = static_cast<double>(m.heads);
  const auto f =
      m.sparse() ? static_cast<double>((m.experts_per_token + m.shared_experts) * m.expert_width())
                 : static_cast<double>(m.hidden);
  const double matrices = m.feed_forward == FeedForward::kSwiglu ? 3 : 2;
  const double qkv = 2 * 3 * d * kh;
  const double logits = 2 * S * kh;
  const double softmax = 3 * h * S;
  const double reduction = 2 * S * kh;
  const double linear = 2 * kh * d;
  const double dense = 2 * matrices * d * f;
  return static_cast<double>(m.layers) * (qkv + logits + softmax + reduction + linear + dense);
}

// The look-up of embeddings and the final logits, each counted as a matrix product.
double hoffmann_vocabulary_forward(const ModelConfig& m) {
  return 4.0 * static_cast<double>(m.vocab * m.width);
}

}  // namespace

std::string_view name_of(FlopConvention convention) {
  switch (convention) {
    case FlopConvention::k6nd:
      return "6nd";
    case FlopConvention::kExact:
      return "exact";
    case FlopConvention::kKaplan:
      return "kaplan";
    case FlopConvention::kHoffmann:
      return "hoffmann";
    case FlopConvention::kHoffmannLayers:
      return "hoffmann-layers";
  }
  return "unknown";
}

std::span<const FlopConvention> all_flop_conventions() { return kAll; }

FlopConvention parse_flop_convention(std::string_view name) {
  for (const FlopConvention convention : kAll) {
    if (name == name_of(convention)) return convention;
  }
  throw usage_error("FLOP convention: \"" + std::string(name) +
                    "\" is not known: use 6nd, exact, kaplan, hoffmann or hoffmann-layers");
}

double train_flops_per_token(const ModelConfig& config, FlopConvention convention) {
  const ParamCount count = count_params(config);
  switch (convention) {
    case FlopConvention::k6nd:
      return 6.0 * static_cast<double>(count.active());
    case FlopConvention::kExact:
      return 3.0 * exact_forward(config);
    case FlopConvention::kKaplan:
      return 6.0 * static_cast<double>(count.non_embedding() - count.inactive);
    case FlopConvention::kHoffmann:
      return 3.0 * (hoffmann_layers_forward(config) + hoffmann_vocabulary_forward(config));
    case FlopConvention::kHoffmannLayers:
      return 3.0 * hoffmann_layers_forward(config);
  }
  return 0;
}

FlopsPerToken FlopsPerToken::six_n() { return {}; }

FlopsPerToken FlopsPerToken::from_nodes(std::string convention,
                                        std::vector<std::pair<double, double>> nodes) {
  if (nodes.empty()) throw usage_error("FLOPs per token: no node (N, f) was given");
  for (const auto& [n, f] : nodes) {
    if (std::isfinite(n) && std::isfinite(f) && n > 0 && f > 0) continue;
    throw usage_error("FLOPs per token: the node (" + exact_number(n) + ", " + exact_number(f) +
                      ") is not positive and finite: check the table it came from");
  }
  std::sort(nodes.begin(), nodes.end());
  FlopsPerToken result;
  result.convention_ = std::move(convention);
  for (size_t i = 0; i < nodes.size();) {
    size_t j = i;
    double sum_log = 0;
    while (j < nodes.size() && nodes[j].first == nodes[i].first)
      sum_log += std::log(nodes[j++].second);
    // A node that occurs once keeps its bits; exp(log(x)) may not.
    const double f = j == i + 1 ? nodes[i].second : std::exp(sum_log / static_cast<double>(j - i));
    result.nodes_.emplace_back(nodes[i].first, f);
    i = j;
  }
  return result;
}

double FlopsPerToken::operator()(double params) const {
  if (nodes_.empty()) return 6.0 * params;
  const auto& [first_n, first_f] = nodes_.front();
  const auto& [last_n, last_f] = nodes_.back();
  if (params <= first_n) return first_f / first_n * params;
  if (params >= last_n) return last_f / last_n * params;
  const auto right = std::upper_bound(nodes_.begin(), nodes_.end(), params,
                                      [](double n, const auto& node) { return n < node.first; });
  const auto left = right - 1;
  const double t = std::log(params / left->first) / std::log(right->first / left->first);
  return left->second * std::pow(right->second / left->second, t);
}

}  // namespace isoflop
