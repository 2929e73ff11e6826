#include "trainer/adamw.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adamw.h>
#include <algorithm>
#include <optional>

#include "core/error.h"

namespace isoflop {
namespace {

// A shard's length, of whole cache lines.
std::int64_t stretch(std::int64_t size, int world) {
  const std::int64_t lines = (size + kFlatAlignment - 1) / kFlatAlignment;
  return (lines + world - 1) / world * kFlatAlignment;
}

std::vector<float> to_host(const torch::Tensor& flat) {
  const auto host = flat.cpu();
  const auto* first = host.data_ptr<float>();
  return {first, first + host.numel()};
}

void from_host(const std::vector<float>& values, const torch::Tensor& flat) {
  require_size(values, flat.numel());
  // from_blob takes no const pointer; copy_ only reads it.
  auto* first = const_cast<float*>(values.data());
  flat.copy_(torch::from_blob(first, {flat.numel()}, torch::kFloat32));
}

}  // namespace

void require_size(const std::vector<float>& values, std::int64_t size) {
  if (static_cast<std::int64_t>(values.size()) == size) return;
  throw failure("checkpoint: has " + std::to_string(values.size()) +
                " numbers where this model has " + std::to_string(size) +
                ": it is of another model; delete it to start over");
}

AdamW::AdamW(const std::vector<ParameterGroup>& groups, const TrainSpec& spec,
             const AdamWShard& shard)
    : spec_(spec) {
  torch::NoGradGuard no_grad;
  const FlatLayout layout = flat_layout(groups);
  size_ = layout.size;
  const std::int64_t own = stretch(size_, shard.world);
  const std::int64_t size = own * shard.world;
  own_begin_ = own * shard.rank;
  const auto options = groups.at(0).weights.at(0).options().requires_grad(false);
  weights_ = torch::zeros({size}, options);
  gradients_ = torch::zeros({size}, options);
  means_ = torch::zeros({own}, options);
  squares_ = torch::zeros({own}, options);
  for (const FlatPlace& place : layout.places) adopt(place.weight, place.offset);
  for (const FlatRange& range : layout.ranges) add_range(range);
}

void AdamW::adopt(const torch::Tensor& parameter, std::int64_t offset) {
  const auto place = weights_.narrow(0, offset, parameter.numel()).view_as(parameter);
  place.copy_(parameter);
  parameter.set_data(place);
  parameter.mutable_grad() = gradients_.narrow(0, offset, parameter.numel()).view_as(parameter);
}

// What the shard has of it.
void AdamW::add_range(const FlatRange& range) {
  const std::int64_t begin = std::max(range.begin, own_begin_);
  const std::int64_t end = std::min(range.end, own_begin_ + means_.numel());
  if (begin >= end) return;
  const auto slice = [&](const torch::Tensor& flat) { return flat.narrow(0, begin, end - begin); };
  const auto own = [&](const torch::Tensor& moments) {
    return moments.narrow(0, begin - own_begin_, end - begin);
  };
  ranges_.push_back({.weights = slice(weights_),
                     .gradients = slice(gradients_),
                     .means = own(means_),
                     .squares = own(squares_),
                     .steps = torch::zeros({}, weights_.options()),
                     .decay = range.decays ? spec_.weight_decay : 0.0,
                     .rate_scale = range.rate_scale});
}

void AdamW::zero_gradients() { gradients_.zero_(); }

double AdamW::clip_gradients(double clip) {
  torch::NoGradGuard no_grad;
  const double norm = gradients_.norm().item<double>();
  if (clip > 0 && norm > clip) gradients_.mul_(clip / (norm + 1e-6));
  return norm;
}

void AdamW::step(double rate) {
  torch::NoGradGuard no_grad;
  for (Range& range : ranges_) {
    range.steps += 1;
    at::_fused_adamw_({range.weights}, {range.gradients}, {range.means}, {range.squares},
                      /*max_exp_avg_sqs=*/{}, {range.steps}, rate * range.rate_scale, spec_.beta1,
                      spec_.beta2, range.decay, spec_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  }
}

std::vector<AdamW::Call> AdamW::calls() const {
  std::vector<Call> calls;
  for (const Range& range : ranges_) {
    auto call = std::find_if(calls.begin(), calls.end(), [&](const Call& other) {
      return other.decay == range.decay && other.rate_scale == range.rate_scale;
    });
    if (call == calls.end()) {
      calls.push_back({.decay = range.decay, .rate_scale = range.rate_scale});
      call = calls.end() - 1;
    }
    call->weights.push_back(range.weights);
    call->gradients.push_back(range.gradients);
    call->means.push_back(range.means);
    call->squares.push_back(range.squares);
    call->steps.push_back(range.steps);
  }
  return calls;
}

// The fused kernel divides by grad_scale as it reads the gradients: a pass over them less than
// scaling them first.
torch::Tensor AdamW::update(const torch::Tensor& rate) {
  torch::NoGradGuard no_grad;
  const torch::Tensor norm = gradients_.norm();
  std::optional<torch::Tensor> divisor;
  if (spec_.clip > 0) divisor = ((norm + 1e-6) / spec_.clip).clamp_min(1.0);
  const torch::Tensor not_finite = (norm * 0).ne(0).to(torch::kFloat32);
  for (const Call& call : calls()) {
    at::_foreach_add_(call.steps, 1);
    const torch::Tensor scaled = call.rate_scale == 1 ? rate : rate * call.rate_scale;
    at::_fused_adamw_(call.weights, call.gradients, call.means, call.squares,
                      /*max_exp_avg_sqs=*/{}, call.steps, scaled, spec_.beta1, spec_.beta2,
                      call.decay, spec_.epsilon, /*amsgrad=*/false, /*maximize=*/false, divisor,
                      not_finite);
  }
  return norm;
}

AdamW::State AdamW::state() const {
  return {to_host(weights_.narrow(0, 0, size_)), to_host(means_), to_host(squares_)};
}

std::vector<float> AdamW::gradients() const { return to_host(gradients_.narrow(0, 0, size_)); }

// The shard's part of a whole array; what lies beyond that array's end stays zero.
void AdamW::restore_moments(const std::vector<float>& whole, const torch::Tensor& moments) {
  const auto all = torch::empty({size_}, torch::kFloat32);
  from_host(whole, all);
  const std::int64_t begin = std::min(own_begin_, size_);
  const std::int64_t count = std::min(moments.numel(), size_ - begin);
  moments.narrow(0, 0, count).copy_(all.narrow(0, begin, count));
}

void AdamW::restore(const State& state, std::int64_t steps_done) {
  torch::NoGradGuard no_grad;
  from_host(state.weights, weights_.narrow(0, 0, size_));
  restore_moments(state.means, means_);
  restore_moments(state.squares, squares_);
  for (Range& range : ranges_) range.steps.fill_(steps_done);
}

void AdamW::restore_gradients(const std::vector<float>& gradients) {
  torch::NoGradGuard no_grad;
  from_host(gradients, gradients_.narrow(0, 0, size_));
}

}  // namespace isoflop
