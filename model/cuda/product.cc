#include "model/cuda/product.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/addmm.h>

#include "model/cuda/kernel_tensors.h"

namespace isoflop {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local LowCopies* copies_of_this_pass = nullptr;

struct LowProduct : torch::autograd::Function<LowProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& copy) {
    const auto low = x.to(copy.scalar_type());
    context->save_for_backward({low, copy});
    context->saved_data["type"] = x.scalar_type();
    (void)weight;  // the gradient is its own
    return torch::linear(low, copy);
  }

  static variable_list backward(AutogradContext* context, const variable_list& outer) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& copy = saved[1];
    const auto rows = outer[0].to(copy.scalar_type()).reshape({-1, copy.size(0)});
    Tensor d_x, d_weight;
    if (context->needs_input_grad(0)) {
      d_x = torch::mm(rows, copy).view(x.sizes()).to(context->saved_data["type"].toScalarType());
    }
    if (context->needs_input_grad(1)) {
      d_weight = torch::zeros(copy.sizes(), copy.options().dtype(torch::kFloat32));
      add_product(d_weight, rows.t(), x.reshape({-1, copy.size(1)}));
    }
    return {d_x, d_weight, Tensor()};
  }
};

}  // namespace

LowCopies::LowCopies(const std::vector<Tensor>& weights) : weights_(weights) {
  torch::NoGradGuard no_grad;
  const torch::InferenceMode kept_for_training(false);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    copies_.push_back(torch::empty(
        weights[i].sizes(), weights[i].options().requires_grad(false).dtype(torch::kBFloat16)));
    places_[weights[i].unsafeGetTensorImpl()] = i;
  }
}

void LowCopies::refresh() {
  torch::NoGradGuard no_grad;
  at::_foreach_copy_(copies_, weights_);
}

Tensor LowCopies::of(const Tensor& weight) const {
  const auto place = places_.find(weight.unsafeGetTensorImpl());
  return place == places_.end() ? Tensor() : copies_[place->second];
}

// No cache of casts: a graph that was captured would keep pointers into it.
LowPrecision::LowPrecision(LowCopies* copies, torch::Device device)
    : before_(copies_of_this_pass), device_(device.type()), is_on_(copies != nullptr) {
  if (!is_on_) return;
  copies_of_this_pass = copies;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  was_cached_ = at::autocast::is_autocast_cache_enabled();
  type_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
  at::autocast::set_autocast_cache_enabled(false);
}

LowPrecision::~LowPrecision() {
  if (!is_on_) return;
  copies_of_this_pass = before_;
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, type_before_);
  at::autocast::set_autocast_cache_enabled(was_cached_);
}

Tensor low_copy_of(const Tensor& weight) {
  return copies_of_this_pass == nullptr ? Tensor() : copies_of_this_pass->of(weight);
}

torch::ScalarType type_of_pass(const Tensor& x) {
  return copies_of_this_pass == nullptr ? x.scalar_type() : torch::kBFloat16;
}

Tensor product(const Tensor& x, const Tensor& weight) {
  const Tensor copy = low_copy_of(weight);
  return copy.defined() ? LowProduct::apply(x, weight, copy) : torch::linear(x, weight);
}

void add_product(Tensor& into, const Tensor& a, const Tensor& b) {
  if (into.scalar_type() == a.scalar_type()) {
    into.addmm_(a, b);
  } else if (into.is_cuda()) {
    at::addmm_out(into, into, a, b, into.scalar_type());
  } else {
    into.addmm_(a.to(into.scalar_type()), b.to(into.scalar_type()));
  }
}

}  // namespace isoflop
