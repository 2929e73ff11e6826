#include "model/cuda/add_norm.h"

#include "model/cuda/kernel_tensors.h"
#include "model/cuda/norm.h"
#include "model/cuda/stream.h"

namespace isoflop {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The stream; what is normed is float32 or bfloat16 then.
bool norm_on_kernels(const Tensor& x) {
  return x.is_cuda() && x.scalar_type() == torch::kFloat32 && norm_takes(x.size(-1));
}

struct NormPass {
  Tensor sum, normed, means, inverses;  // means: of LayerNorm
};

NormPass forward_by_kernel(const Tensor& x, const Tensor& y, const Tensor& gain, const Tensor& bias,
                           double epsilon, torch::ScalarType type) {
  const auto width = x.size(-1), rows = x.numel() / width;
  NormPass pass{.sum = y.defined() ? torch::empty_like(x) : x,
                .normed = torch::empty_like(x, x.options().dtype(type)),
                .means = bias.defined() ? torch::empty({rows}, x.options()) : Tensor(),
                .inverses = torch::empty({rows}, x.options())};
  add_norm_forward({.element = element_of(pass.normed),
                    .x = floats_of(x),
                    .y = data_of(y),
                    .gain = floats_of(gain),
                    .bias = floats_of(bias),
                    .sum = y.defined() ? floats_of(pass.sum) : nullptr,
                    .normed = data_of(pass.normed),
                    .means = floats_of(pass.means),
                    .inverses = floats_of(pass.inverses),
                    .epsilon = static_cast<float>(epsilon),
                    .rows = rows,
                    .width = width},
                   current_stream());
  return pass;
}

NormPass forward_by_operators(const Tensor& x, const Tensor& y, const Tensor& gain,
                              const Tensor& bias, double epsilon, torch::ScalarType type) {
  NormPass pass{.sum = y.defined() ? x + y : x};
  auto values = pass.sum.to(sum_type(x));
  if (bias.defined()) {
    pass.means = values.mean(-1);
    values = values - pass.means.unsqueeze(-1);
  }
  pass.inverses = (values.square().mean(-1) + epsilon).rsqrt();
  const auto scaled = values * pass.inverses.unsqueeze(-1) * gain;
  pass.normed = (bias.defined() ? scaled + bias : scaled).to(type);
  return pass;
}

struct NormGradients {
  Tensor x, y, gain, bias;
};

NormGradients backward_by_kernel(const Tensor& d_normed, const Tensor& d_sum, const NormPass& pass,
                                 const Tensor& gain) {
  const auto width = pass.sum.size(-1), rows = pass.sum.numel() / width;
  const auto partial = torch::empty({add_norm_partials(rows, width)}, gain.options());
  const bool is_rounded = d_normed.scalar_type() != pass.sum.scalar_type();
  NormGradients gradients{.x = torch::empty_like(pass.sum),
                          .y = is_rounded ? torch::empty_like(d_normed) : Tensor(),
                          .gain = torch::empty_like(gain),
                          .bias = pass.means.defined() ? torch::empty_like(gain) : Tensor()};
  add_norm_backward({.element = element_of(d_normed),
                     .d_normed = data_of(d_normed),
                     .d_sum = floats_of(d_sum),
                     .sum = floats_of(pass.sum),
                     .gain = floats_of(gain),
                     .means = floats_of(pass.means),
                     .inverses = floats_of(pass.inverses),
                     .d_x = floats_of(gradients.x),
                     .d_y = data_of(gradients.y),
                     .d_gain = floats_of(gradients.gain),
                     .d_bias = floats_of(gradients.bias),
                     .partial = floats_of(partial),
                     .rows = rows,
                     .width = width},
                    current_stream());
  if (!is_rounded) gradients.y = gradients.x;
  return gradients;
}

NormGradients backward_by_operators(const Tensor& d_normed, const Tensor& d_sum,
                                    const NormPass& pass, const Tensor& gain) {
  const auto type = sum_type(pass.sum);
  const auto width = gain.numel();
  auto centred = pass.sum.to(type);
  if (pass.means.defined()) centred = centred - pass.means.unsqueeze(-1);
  const auto inverses = pass.inverses.unsqueeze(-1), normal = centred * inverses;
  const auto outer = d_normed.to(type), slope = outer * gain;
  auto inner = slope - normal * (slope * normal).mean(-1, true);
  if (pass.means.defined()) inner = inner - slope.mean(-1, true);
  auto d_x = inner * inverses;
  if (d_sum.defined()) d_x = d_x + d_sum;
  return {.x = d_x,
          .y = d_x.to(d_normed.scalar_type()),
          .gain = (outer * normal).reshape({-1, width}).sum(0),
          .bias = pass.means.defined() ? outer.reshape({-1, width}).sum(0) : Tensor()};
}

struct AddNorm : torch::autograd::Function<AddNorm> {
  static variable_list forward(AutogradContext* context, const Tensor& in_x,
                               const std::optional<Tensor>& in_y, const Tensor& in_gain,
                               const std::optional<Tensor>& in_bias, double epsilon,
                               torch::ScalarType type) {
    context->set_materialize_grads(false);
    const Tensor x = in_one_piece(in_x), y = in_one_piece(in_y.value_or(Tensor())),
                 gain = in_one_piece(in_gain), bias = in_one_piece(in_bias.value_or(Tensor()));
    const NormPass pass = norm_on_kernels(x)
                              ? forward_by_kernel(x, y, gain, bias, epsilon, type)
                              : forward_by_operators(x, y, gain, bias, epsilon, type);
    context->save_for_backward({pass.sum, pass.means, pass.inverses, gain});
    context->saved_data["adds"] = y.defined();
    // Without y the sum is x itself, which goes on past this operation.
    if (!y.defined()) return {pass.normed};
    return {pass.normed, pass.sum};
  }

  static variable_list backward(AutogradContext* context, const variable_list& outer) {
    const auto saved = context->get_saved_variables();
    const NormPass pass{.sum = saved[0], .normed = {}, .means = saved[1], .inverses = saved[2]};
    const bool adds = context->saved_data["adds"].toBool();
    const Tensor d_sum = adds ? in_one_piece(outer[1]) : Tensor();
    if (!outer[0].defined()) return {d_sum, d_sum, Tensor(), Tensor(), Tensor(), Tensor()};
    const Tensor d_normed = in_one_piece(outer[0]);
    const NormGradients gradients = norm_on_kernels(pass.sum)
                                        ? backward_by_kernel(d_normed, d_sum, pass, saved[3])
                                        : backward_by_operators(d_normed, d_sum, pass, saved[3]);
    return {gradients.x, adds ? gradients.y : Tensor(), gradients.gain, gradients.bias, Tensor(),
            Tensor()};
  }
};

}  // namespace

AddedAndNormed add_norm(const Tensor& x, const Tensor& y, const Tensor& gain, const Tensor& bias,
                        double epsilon, torch::ScalarType type) {
  const auto same_type = if_defined(y.defined() ? y.to(type) : y);
  const variable_list results = AddNorm::apply(x, same_type, gain, if_defined(bias), epsilon, type);
  return {.sum = y.defined() ? results[1] : x, .normed = results[0]};
}

}  // namespace isoflop
