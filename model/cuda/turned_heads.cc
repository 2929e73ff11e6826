#include "model/cuda/turned_heads.h"

#include "model/cuda/heads.h"
#include "model/cuda/kernel_tensors.h"
#include "model/cuda/stream.h"

namespace isoflop {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

HeadShape head_shape(const Tensor& qkv, double epsilon) {
  return {.tokens = qkv.size(0) * qkv.size(1),
          .length = qkv.size(1),
          .heads = qkv.size(3),
          .size = qkv.size(4),
          .epsilon = static_cast<float>(epsilon)};
}

bool heads_on_kernels(const Tensor& qkv) {
  return kernels_take(qkv) && heads_take(head_shape(qkv, 0));
}

// q and k, turned: [2, B, T, h, k].
Tensor turn_by_kernel(const Tensor& qkv, const HeadTables& tables) {
  const Tensor turned =
      torch::empty({2, qkv.size(0), qkv.size(1), qkv.size(3), qkv.size(4)}, qkv.options());
  turn_heads({.element = element_of(qkv),
              .qkv = data_of(qkv),
              .gain = floats_of(tables.gain),
              .cos = floats_of(tables.cos),
              .sin = floats_of(tables.sin),
              .turned = data_of(turned),
              .shape = head_shape(qkv, tables.epsilon)},
             current_stream());
  return turned;
}

Tensor inverses_of(const Tensor& x, const HeadTables& tables) {
  return (x.square().mean(-1, true) + tables.epsilon).rsqrt();
}

// [T, k] for [B, T, 2, h, k].
Tensor by_time(const Tensor& table) { return table.unsqueeze(1).unsqueeze(1); }
// [2, k] for [B, T, 2, h, k].
Tensor by_part(const Tensor& gain, const Tensor& x) { return gain.view({2, 1, x.size(-1)}); }

Tensor turn_by_operators(const Tensor& qkv, const HeadTables& tables) {
  auto u = qkv.narrow(2, 0, 2).to(sum_type(qkv));
  if (tables.gain.defined()) u = u * inverses_of(u, tables) * by_part(tables.gain, u);
  if (tables.cos.defined()) {
    u = u * by_time(tables.cos) + u.roll(u.size(-1) / 2, -1) * by_time(tables.sin);
  }
  return u.to(qkv.scalar_type()).permute({2, 0, 1, 3, 4}).contiguous();
}

struct HeadGradients {
  Tensor qkv, gain;
};

// d_q, d_k, d_v [B, T, h, k]
HeadGradients back_by_kernel(const variable_list& outer, const Tensor& qkv,
                             const HeadTables& tables) {
  const HeadShape shape = head_shape(qkv, tables.epsilon);
  HeadGradients gradients{.qkv = torch::empty_like(qkv)};
  Tensor partial;
  if (tables.gain.defined()) {
    gradients.gain = torch::empty_like(tables.gain);
    partial = torch::empty({turn_heads_partials(shape)}, tables.gain.options());
  }
  turn_heads_backward({.element = element_of(qkv),
                       .qkv = data_of(qkv),
                       .gain = floats_of(tables.gain),
                       .cos = floats_of(tables.cos),
                       .sin = floats_of(tables.sin),
                       .d_q = data_of(outer[0]),
                       .d_k = data_of(outer[1]),
                       .d_v = data_of(outer[2]),
                       .d_qkv = data_of(gradients.qkv),
                       .d_gain = floats_of(gradients.gain),
                       .partial = floats_of(partial),
                       .shape = shape},
                      current_stream());
  return gradients;
}

HeadGradients back_by_operators(const variable_list& outer, const Tensor& qkv,
                                const HeadTables& tables) {
  auto d = torch::stack({outer[0], outer[1]}, 2).to(sum_type(qkv));
  if (tables.cos.defined()) {
    d = d * by_time(tables.cos) + (d * by_time(tables.sin)).roll(d.size(-1) / 2, -1);
  }
  HeadGradients gradients;
  if (tables.gain.defined()) {
    const auto x = qkv.narrow(2, 0, 2).to(d.scalar_type());
    const auto inverses = inverses_of(x, tables), normal = x * inverses;
    gradients.gain = (d * normal).sum({0, 1, 3}).view(tables.gain.sizes());
    const auto slope = d * by_part(tables.gain, x);
    d = inverses * (slope - normal * (slope * normal).mean(-1, true));
  }
  gradients.qkv = torch::cat({d.to(qkv.scalar_type()), outer[2].unsqueeze(2)}, 2);
  return gradients;
}

struct TurnedHeads : torch::autograd::Function<TurnedHeads> {
  static variable_list forward(AutogradContext* context, const Tensor& in_qkv, const Tensor& gain,
                               const Tensor& cos, const Tensor& sin, double epsilon) {
    const Tensor qkv = in_one_piece(in_qkv);
    const HeadTables tables{gain, cos, sin, epsilon};
    const Tensor turned =
        heads_on_kernels(qkv) ? turn_by_kernel(qkv, tables) : turn_by_operators(qkv, tables);
    context->save_for_backward({qkv, gain, cos, sin});
    context->saved_data["epsilon"] = epsilon;
    const auto heads_first = [](const Tensor& part) { return part.transpose(1, 2); };
    return {heads_first(turned[0]), heads_first(turned[1]), heads_first(qkv.detach().select(2, 2))};
  }

  static variable_list backward(AutogradContext* context, const variable_list& in_outer) {
    const auto saved = context->get_saved_variables();
    const HeadTables tables{saved[1], saved[2], saved[3],
                            context->saved_data["epsilon"].toDouble()};
    variable_list outer;
    for (const Tensor& gradient : in_outer) {
      outer.push_back(in_one_piece(gradient.transpose(1, 2).to(saved[0].scalar_type())));
    }
    const HeadGradients gradients = heads_on_kernels(saved[0])
                                        ? back_by_kernel(outer, saved[0], tables)
                                        : back_by_operators(outer, saved[0], tables);
    return {gradients.qkv, gradients.gain, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Heads turned_heads(const Tensor& qkv, const HeadTables& tables) {
  const variable_list heads =
      TurnedHeads::apply(qkv, tables.gain, tables.cos, tables.sin, tables.epsilon);
  return {heads[0], heads[1], heads[2]};
}

}  // namespace isoflop
