// Sparse models to test with, and their experts' formulas one token and one expert after the other.
#ifndef ISOFLOP_TESTS_MODEL_SPARSE_ORACLE_H_
#define ISOFLOP_TESTS_MODEL_SPARSE_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "model/experts.h"

namespace isoflop {

inline ModelConfig sparse_model(std::int64_t experts, std::int64_t per_token) {
  return {.vocab = 11,
          .context = 12,
          .layers = 2,
          .width = 8,
          .heads = 2,
          .head_size = 4,
          .hidden = 24,
          .experts = experts,
          .experts_per_token = per_token,
          .router = per_token > 1 ? Router::kTopK : Router::kSwitch};
}

// Every choice of the configuration at least once.
inline std::vector<ModelConfig> sparse_variants() {
  std::vector<ModelConfig> all(8, sparse_model(4, 2));
  all[1] = sparse_model(5, 1);
  all[2].router = Router::kSwitch;
  all[3].feed_forward = FeedForward::kSwiglu;
  all[4].shared_experts = 2;
  all[4].granularity = 3;
  all[5].capacity_factor = 0.75;
  all[6] = sparse_model(5, 1);
  all[6].capacity_factor = 1;
  all[6].feed_forward = FeedForward::kSwiglu;
  all[6].shared_experts = 1;
  all[7] = sparse_model(1, 1);
  return all;
}

// The formulas of experts.h, one token and one expert after the other.
class SparseOracle {
 public:
  SparseOracle(const Experts& experts, const ModelConfig& config, bool training)
      : config_(config), weights_(experts->named_parameters()), training_(training) {}

  torch::Tensor forward(const torch::Tensor& x) {
    route(x);
    torch::Tensor y = torch::zeros_like(x);
    for (std::int64_t t = 0; t < x.size(0); ++t) {
      for (std::int64_t r = 0; r < config_.experts_per_token; ++r) {
        if (kept_[index(r, t, x)]) y[t] += gate(t, r) * expert(chosen_[index(r, t, x)], x[t]);
      }
      for (std::int64_t s = 0; s < config_.shared_experts; ++s) y[t] += shared(s, x[t]);
    }
    return y;
  }

  RouterStats stats() const {
    const auto E = static_cast<double>(config_.experts);
    const auto choices = static_cast<double>(chosen_.size());
    const auto tokens = static_cast<double>(logits_.size());
    RouterStats stats;
    for (std::int64_t e = 0; e < config_.experts; ++e) {
      const double share = std::count(chosen_.begin(), chosen_.end(), e) / choices;
      double probability = 0;
      for (const auto& of_token : probabilities_) probability += of_token[e] / tokens;
      stats.largest_load = std::max(stats.largest_load, E * share);
      stats.unused += share == 0 ? 1 / E : 0;
      stats.balance += E * share * probability;
    }
    stats.dropped = std::count(kept_.begin(), kept_.end(), false) / choices;
    for (std::size_t t = 0; t < logits_.size(); ++t) {
      double sum = 0;
      for (const double logit : logits_[t]) sum += std::exp(logit);
      stats.z += std::log(sum) * std::log(sum) / tokens;
      for (const double p : probabilities_[t]) stats.entropy -= p * std::log(p) / tokens;
    }
    return stats;
  }

 private:
  static std::size_t index(std::int64_t r, std::int64_t t, const torch::Tensor& x) {
    return static_cast<std::size_t>(r * x.size(0) + t);
  }

  void route(const torch::Tensor& x) {
    const auto E = static_cast<std::size_t>(config_.experts);
    const auto k = static_cast<std::size_t>(config_.experts_per_token);
    const auto tokens = static_cast<std::size_t>(x.size(0));
    chosen_.assign(k * tokens, 0);
    for (std::size_t t = 0; t < tokens; ++t) {
      std::vector<double> logits(E), probabilities(E);
      double sum = 0;
      for (std::size_t e = 0; e < E; ++e) {
        const auto i = static_cast<std::int64_t>(t), j = static_cast<std::int64_t>(e);
        logits[e] = (weights_["router"][j] * x[i]).sum().item<double>();
        sum += std::exp(logits[e]);
      }
      for (std::size_t e = 0; e < E; ++e) probabilities[e] = std::exp(logits[e]) / sum;
      std::vector<std::int64_t> by_logit(E);
      std::iota(by_logit.begin(), by_logit.end(), 0);
      std::stable_sort(by_logit.begin(), by_logit.end(), [&](std::int64_t a, std::int64_t b) {
        return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
      });
      for (std::size_t r = 0; r < k; ++r) chosen_[r * tokens + t] = by_logit[r];
      logits_.push_back(logits);
      probabilities_.push_back(probabilities);
    }
    drop(tokens);
  }

  void drop(std::size_t tokens) {
    kept_.assign(chosen_.size(), true);
    if (config_.capacity_factor == 0 || !training_) return;
    const double even = static_cast<double>(config_.experts_per_token) *
                        static_cast<double>(tokens) / static_cast<double>(config_.experts);
    std::vector<double> room(static_cast<std::size_t>(config_.experts),
                             std::ceil(config_.capacity_factor * even));
    for (std::size_t c = 0; c < chosen_.size(); ++c) {
      kept_[c] = room[static_cast<std::size_t>(chosen_[c])]-- > 0;
    }
  }

  double gate(std::int64_t t, std::int64_t r) const {
    const auto token = static_cast<std::size_t>(t), tokens = logits_.size();
    const auto choice = [&](std::int64_t rank) {
      return static_cast<std::size_t>(chosen_[static_cast<std::size_t>(rank) * tokens + token]);
    };
    if (config_.router == Router::kSwitch) return probabilities_[token][choice(r)];
    double sum = 0;
    for (std::int64_t other = 0; other < config_.experts_per_token; ++other) {
      sum += std::exp(logits_[token][choice(other)]);
    }
    return std::exp(logits_[token][choice(r)]) / sum;
  }

  torch::Tensor through(const torch::Tensor& gates, const torch::Tensor& in,
                        const torch::Tensor& out, const torch::Tensor& x) const {
    const auto inner = torch::mv(in, x);
    if (config_.feed_forward == FeedForward::kSwiglu) {
      return torch::mv(out, torch::silu(torch::mv(gates, x)) * inner);
    }
    const auto cube = inner + 0.044715 * inner.pow(3);
    return torch::mv(out, 0.5 * inner * (1 + torch::tanh(std::sqrt(2 / M_PI) * cube)));
  }

  torch::Tensor expert(std::int64_t e, const torch::Tensor& x) {
    const auto f = config_.expert_width();
    const auto in = weights_["feed_forward_in"][e], out = weights_["feed_forward_out"][e];
    return through(in.slice(0, 0, f), in.slice(0, in.size(0) - f), out, x);
  }

  torch::Tensor shared(std::int64_t s, const torch::Tensor& x) {
    const auto f = config_.expert_width(), all = f * config_.shared_experts;
    const auto in = weights_["shared_in"], out = weights_["shared_out"];
    const auto gates = in.slice(0, s * f, (s + 1) * f);
    const auto last = in.size(0) - all;
    return through(gates, in.slice(0, last + s * f, last + (s + 1) * f),
                   out.slice(1, s * f, (s + 1) * f), x);
  }

  ModelConfig config_;
  torch::OrderedDict<std::string, torch::Tensor> weights_;
  bool training_;
  std::vector<std::vector<double>> logits_, probabilities_;
  std::vector<std::int64_t> chosen_;
  std::vector<bool> kept_;
};

inline void expect_same_stats(const RouterStats& found, const RouterStats& expected,
                              double tolerance) {
  EXPECT_NEAR(found.largest_load, expected.largest_load, tolerance);
  EXPECT_NEAR(found.unused, expected.unused, tolerance);
  EXPECT_NEAR(found.dropped, expected.dropped, tolerance);
  EXPECT_NEAR(found.entropy, expected.entropy, tolerance);
  EXPECT_NEAR(found.balance, expected.balance, tolerance);
  EXPECT_NEAR(found.z, expected.z, tolerance);
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_MODEL_SPARSE_ORACLE_H_
