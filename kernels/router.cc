#include "kernels/router.h"

namespace isoflop::ISOFLOP_ISA {
namespace {

// The k largest logits of a vector of tokens, one after the other: each is the largest of those
// that come after the one before it in the order by size, then index.
void choose(const RouterShape& shape, std::int64_t t, const RouterState& state) {
  Vec last = broadcast(__builtin_inff());
  Vec last_index = broadcast(-1.0f);
  for (std::int64_t j = 0; j < shape.per_token; ++j) {
    Vec best = broadcast(-__builtin_inff()), index{};
    for (std::int64_t e = 0; e < shape.experts; ++e) {
      const Vec logit = load(state.probabilities + e * shape.stride + t);
      const Vec here = broadcast(static_cast<float>(e));
      const auto left = (logit < last) | ((logit == last) & (here > last_index));
      const auto better = left & (logit > best);
      best = better ? logit : best;
      index = better ? here : index;
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      state.chosen[j * shape.stride + t + lane] = static_cast<std::int32_t>(index[lane]);
    }
    last = best;
    last_index = index;
  }
}

void softmax(const RouterShape& shape, std::int64_t t, const RouterState& state) {
  float* column = state.probabilities + t;
  Vec most = load(column);
  for (std::int64_t e = 1; e < shape.experts; ++e) {
    most = larger(load(column + e * shape.stride), most);
  }
  Vec sum{}, weighted{};
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    const Vec below = load(column + e * shape.stride) - most;
    const Vec power = exponential(below);
    sum += power;
    weighted += power * below;
    store(column + e * shape.stride, power);
  }
  const Vec share = 1 / sum;
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    store(column + e * shape.stride, load(column + e * shape.stride) * share);
  }
  Vec log_sum;
  for (int lane = 0; lane < kLanes; ++lane) log_sum[lane] = __builtin_logf(sum[lane]);
  store(state.log_sums + t, log_sum + most);
  store(state.entropies + t, log_sum - weighted * share);
}

void weigh(const RouterShape& shape, std::int64_t t, const RouterState& state) {
  Vec sum{};
  for (std::int64_t j = 0; j < shape.per_token; ++j) {
    Vec gate;
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::int64_t expert = state.chosen[j * shape.stride + t + lane];
      gate[lane] = state.probabilities[expert * shape.stride + t + lane];
    }
    sum += gate;
    store(state.gates + j * shape.stride + t, gate);
  }
  if (!shape.among_chosen) return;
  for (std::int64_t j = 0; j < shape.per_token; ++j) {
    float* gates = state.gates + j * shape.stride + t;
    store(gates, load(gates) / sum);
  }
}

// The gradient that has nothing to do with which experts were chosen, and Router::kSwitch's share
// of the gates' that all probabilities bear.
void all_probabilities(const RouterShape& shape, std::int64_t t, const RouterState& state,
                       const RouterGradient& gradient, Vec along_gates, float* d_logits) {
  Vec along = along_gates;
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    along += load(state.probabilities + e * shape.stride + t) * gradient.d_shares[e];
  }
  const Vec common = 2 * gradient.z * load(state.log_sums + t) - along;
  for (std::int64_t e = 0; e < shape.experts; ++e) {
    const std::int64_t at = e * shape.stride + t;
    store(d_logits + at, load(state.probabilities + at) * (common + gradient.d_shares[e]));
  }
}

}  // namespace

void router_forward(const RouterShape& shape, const RouterState& state) {
  for (std::int64_t t = 0; t < shape.columns; t += kLanes) {
    choose(shape, t, state);
    softmax(shape, t, state);
    weigh(shape, t, state);
  }
}

void router_backward(const RouterShape& shape, const RouterState& state,
                     const RouterGradient& gradient, float* d_logits) {
  for (std::int64_t t = 0; t < shape.columns; t += kLanes) {
    Vec along{};
    for (std::int64_t j = 0; j < shape.per_token; ++j) {
      const std::int64_t at = j * shape.stride + t;
      along += load(state.gates + at) * load(gradient.d_gates + at);
    }
    const Vec among_all = shape.among_chosen ? Vec{} : along;
    const Vec among_chosen = shape.among_chosen ? along : Vec{};
    all_probabilities(shape, t, state, gradient, among_all, d_logits);
    for (std::int64_t j = 0; j < shape.per_token; ++j) {
      const std::int64_t at = j * shape.stride + t;
      const Vec part = load(state.gates + at) * (load(gradient.d_gates + at) - among_chosen);
      for (int lane = 0; lane < kLanes; ++lane) {
        d_logits[state.chosen[at + lane] * shape.stride + t + lane] += part[lane];
      }
    }
  }
}

}  // namespace isoflop::ISOFLOP_ISA
