#include "trainer/stacked_adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <algorithm>
#include <limits>
#include <utility>

namespace isoflop {
namespace {

// The fused kernel wants its rate in double on the CPU, where it reads it there, and in float on a
// device.
torch::TensorOptions rate_options(const torch::Tensor& weights) {
  return weights.options().dtype(weights.is_cpu() ? torch::kFloat64 : torch::kFloat32);
}

}  // namespace

StackedAdamW::StackedAdamW(const torch::Tensor& weights, const torch::Tensor& gradients,
                           const FlatLayout& layout, std::span<const TrainSpec> specs)
    : spec_(specs.front()), weights_(weights), gradients_(gradients) {
  torch::NoGradGuard no_grad;
  means_ = torch::zeros_like(weights_);
  squares_ = torch::zeros_like(weights_);
  steps_ = torch::zeros({}, weights_.options());
  std::vector<float> clips;
  std::vector<Group> groups;
  for (std::size_t k = 0; k < specs.size(); ++k) {
    clips.push_back(specs[k].clip > 0 ? static_cast<float>(specs[k].clip)
                                      : std::numeric_limits<float>::infinity());
    const auto same = [&](const Group& group) {
      return group.rate == specs[k].rate && group.decay == specs[k].weight_decay;
    };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) {
      group = groups.insert(group, {.rate = specs[k].rate, .decay = specs[k].weight_decay});
    }
    group->trials.push_back(static_cast<std::int64_t>(k));
  }
  clips_ = torch::tensor(clips).to(weights_.device());
  const auto count = static_cast<std::int64_t>(groups.size() * layout.ranges.size());
  rates_ = torch::zeros({count}, rate_options(weights_));
  host_rates_ = torch::zeros({count}, rates_.options().device(torch::kCPU));
  if (!weights_.is_cpu()) host_rates_ = host_rates_.pin_memory();
  for (const Group& group : groups) add_calls(group, layout);
}

void StackedAdamW::add_calls(const Group& group, const FlatLayout& layout) {
  for (const FlatRange& range : layout.ranges) {
    const auto size = range.end - range.begin;
    Call call{.rate = rates_[static_cast<std::int64_t>(calls_.size())],
              .decay = range.decays ? group.decay : 0.0};
    for (const std::int64_t k : group.trials) {
      call.weights.push_back(weights_[k].narrow(0, range.begin, size));
      call.gradients.push_back(gradients_[k].narrow(0, range.begin, size));
      call.means.push_back(means_[k].narrow(0, range.begin, size));
      call.squares.push_back(squares_[k].narrow(0, range.begin, size));
      call.steps.push_back(steps_);
    }
    calls_.push_back(std::move(call));
    rate_trial_.push_back(group.trials.front());
    rate_scale_.push_back(range.rate_scale);
  }
}

void StackedAdamW::set_rates(std::span<const double> rates) {
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    const double rate = rates[static_cast<std::size_t>(rate_trial_[i])] * rate_scale_[i];
    host_rates_[static_cast<std::int64_t>(i)] = rate;
  }
  rates_.copy_(host_rates_, /*non_blocking=*/true);
}

torch::Tensor StackedAdamW::clip_gradients() {
  torch::NoGradGuard no_grad;
  const auto norms = torch::linalg_vector_norm(gradients_, 2, {1});
  // A norm that is not finite has no coefficient worth having; its trial has diverged.
  const auto coefficients = torch::where(norms > clips_, clips_ / (norms + 1e-6), 1.0);
  gradients_.mul_(coefficients.unsqueeze(1));
  return norms;
}

void StackedAdamW::step() {
  torch::NoGradGuard no_grad;
  steps_.add_(1);
  for (Call& call : calls_) {
    at::_fused_adamw_(call.weights, call.gradients, call.means, call.squares,
                      /*max_exp_avg_sqs=*/{}, call.steps, call.rate, spec_.beta1, spec_.beta2,
                      call.decay, spec_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

AdamW::State StackedAdamW::state(std::int64_t k) const {
  const auto host = [&](const torch::Tensor& all) {
    const auto row = all[k].cpu();
    const auto* first = row.data_ptr<float>();
    return std::vector<float>(first, first + row.numel());
  };
  return {host(weights_), host(means_), host(squares_)};
}

void StackedAdamW::restore(std::int64_t k, const AdamW::State& state) {
  torch::NoGradGuard no_grad;
  const auto device = [&](const std::vector<float>& values, const torch::Tensor& all) {
    require_size(values, all.size(1));
    // from_blob takes no const pointer; copy_ only reads it.
    auto* first = const_cast<float*>(values.data());
    all[k].copy_(torch::from_blob(first, {all.size(1)}, torch::kFloat32));
  };
  device(state.weights, weights_);
  device(state.means, means_);
  device(state.squares, squares_);
}

}  // namespace isoflop
