#include "trainer/adamw.h"

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>

namespace isoflop {
namespace {

std::vector<torch::Tensor> gradients_of(const std::vector<torch::Tensor>& weights) {
  std::vector<torch::Tensor> gradients;
  gradients.reserve(weights.size());
  for (const auto& weight : weights) gradients.push_back(weight.grad());
  return gradients;
}

}  // namespace

AdamW::AdamW(std::vector<torch::Tensor> matrices, std::vector<torch::Tensor> vectors,
             const TrainSpec& spec)
    : spec_(spec) {
  groups_.push_back(make_group(std::move(matrices), spec.weight_decay));
  groups_.push_back(make_group(std::move(vectors), 0));
}

AdamW::Group AdamW::make_group(std::vector<torch::Tensor> weights, double decay) const {
  Group group{.decay = decay};
  for (const auto& weight : weights) {
    group.means.push_back(torch::zeros_like(weight));
    group.squares.push_back(torch::zeros_like(weight));
    group.steps.push_back(torch::zeros({}, weight.options().requires_grad(false)));
  }
  group.weights = std::move(weights);
  return group;
}

std::vector<torch::Tensor> AdamW::gradients() const {
  std::vector<torch::Tensor> all;
  for (const Group& group : groups_) {
    const auto some = gradients_of(group.weights);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

double AdamW::clip_gradients(double clip) {
  torch::NoGradGuard no_grad;
  const auto all = gradients();
  const double norm = torch::stack(at::_foreach_norm(all, 2)).norm().item<double>();
  if (clip > 0 && norm > clip) at::_foreach_mul_(all, clip / (norm + 1e-6));
  return norm;
}

void AdamW::step(double rate) {
  torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    for (auto& count : group.steps) count += 1;
    at::_fused_adamw_(group.weights, gradients_of(group.weights), group.means, group.squares,
                      /*max_exp_avg_sqs=*/{}, group.steps, rate, spec_.beta1, spec_.beta2,
                      group.decay, spec_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

void AdamW::zero_gradients() {
  for (Group& group : groups_) {
    for (auto& weight : group.weights) weight.mutable_grad().reset();
  }
}

}  // namespace isoflop
