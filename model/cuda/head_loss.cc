#include "model/cuda/head_loss.h"

#include <algorithm>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "model/cuda/cross_entropy.h"
#include "model/cuda/kernel_tensors.h"
#include "model/cuda/product.h"
#include "model/cuda/stream.h"

namespace isoflop {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of logits lie this many values apart or a multiple, so that each begins aligned.
constexpr std::int64_t kAlignedValues = 8;

// losses[r], and `logits` become their gradient where `scale` (one number) is given.
void losses_by_kernel(Tensor& logits, const Tensor& targets, Tensor& losses, const Tensor& scale) {
  cross_entropy({.element = element_of(logits),
                 .logits = logits.data_ptr(),
                 .targets = targets.data_ptr<std::int64_t>(),
                 .losses = losses.data_ptr<float>(),
                 .scale = floats_of(scale),
                 .rows = logits.size(0),
                 .vocab = logits.size(1),
                 .stride = logits.stride(0)},
                current_stream());
}

void losses_by_operators(Tensor& logits, const Tensor& targets, Tensor& losses,
                         const Tensor& scale) {
  const auto log_softmax = torch::log_softmax(logits.to(losses.scalar_type()), -1);
  const auto predicted = targets.ge(0).unsqueeze(-1);
  const auto places = targets.clamp_min(0).unsqueeze(-1);
  losses.copy_(log_softmax.gather(-1, places).neg().masked_fill(~predicted, 0).squeeze(-1));
  if (!scale.defined()) return;
  auto gradient = log_softmax.exp();
  gradient.scatter_add_(-1, places, torch::full_like(places, -1, gradient.options()));
  logits.copy_((gradient * scale).masked_fill(~predicted, 0));
}

// What a pass over all rows, chunk by chunk, gives.
struct HeadPass {
  Tensor losses;       // [rows]
  Tensor d_x, d_head;  // with gradients
};

class ChunkedHead {
 public:
  ChunkedHead(const Tensor& x, const Tensor& head, const Tensor& targets, std::int64_t chunk_bytes)
      : x_(x), head_(head), targets_(targets) {
    const auto vocab = head.size(0);
    const auto stride = (vocab + kAlignedValues - 1) / kAlignedValues * kAlignedValues;
    const auto row_bytes = stride * static_cast<std::int64_t>(x.element_size());
    constexpr std::int64_t kTile = 128;  // of products; whole tiles are the fastest
    const auto rows = std::max<std::int64_t>(1, chunk_bytes / row_bytes);
    chunk_ = std::min(x.size(0), rows > kTile ? rows / kTile * kTile : rows);
    logits_ = torch::empty({chunk_, stride}, x.options()).narrow(1, 0, vocab);
    pass_.losses = torch::empty({x.size(0)}, x.options().dtype(sum_type(x)));
  }

  HeadPass losses() {
    for_chunks([&](std::int64_t first, std::int64_t rows) { losses_of(first, rows, {}); });
    return pass_;
  }

  // `scale`: one number, of every predicted row's gradient.
  HeadPass gradients(const Tensor& scale) {
    pass_.d_x = torch::empty_like(x_);
    pass_.d_head = torch::zeros(head_.sizes(), head_.options().dtype(sum_type(head_)));
    for_chunks([&](std::int64_t first, std::int64_t rows) {
      const Tensor d_logits = losses_of(first, rows, scale);
      Tensor d_x = pass_.d_x.narrow(0, first, rows);
      at::mm_out(d_x, d_logits, head_);
      add_product(pass_.d_head, d_logits.t(), x_.narrow(0, first, rows));
    });
    return pass_;
  }

 private:
  template <class Do>
  void for_chunks(const Do& work) const {
    for (std::int64_t first = 0; first < x_.size(0); first += chunk_) {
      work(first, std::min(chunk_, x_.size(0) - first));
    }
  }

  Tensor losses_of(std::int64_t first, std::int64_t rows, const Tensor& scale) {
    Tensor logits = logits_.narrow(0, 0, rows), losses = pass_.losses.narrow(0, first, rows);
    const Tensor targets = targets_.narrow(0, first, rows);
    at::mm_out(logits, x_.narrow(0, first, rows), head_.t());
    kernels_take(logits) ? losses_by_kernel(logits, targets, losses, scale)
                         : losses_by_operators(logits, targets, losses, scale);
    return logits;
  }

  const Tensor x_, head_, targets_;
  std::int64_t chunk_ = 0;
  Tensor logits_;
  HeadPass pass_;
};

// The weights that the products read: the low copy where there is one.
Tensor weights_for(const Tensor& head) {
  const Tensor copy = low_copy_of(head);
  return copy.defined() ? copy : head;
}

struct HeadLoss : torch::autograd::Function<HeadLoss> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& head,
                        const Tensor& weights, const Tensor& targets, std::int64_t chunk_bytes,
                        bool wanted) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const Tensor low = in_one_piece(x.to(weights.scalar_type()));
    ChunkedHead chunks(low, weights.contiguous(), targets.contiguous(), chunk_bytes);
    const auto predicted = targets.ge(0).sum().clamp_min(1).to(sum_type(low));
    const HeadPass pass = wanted ? chunks.gradients(predicted.reciprocal()) : chunks.losses();
    if (wanted) context->save_for_backward({pass.d_x.to(x.scalar_type()), pass.d_head});
    (void)head;  // the gradient is its own
    return pass.losses.sum() / predicted;
  }

  static variable_list backward(AutogradContext* context, const variable_list& outer) {
    const auto saved = context->get_saved_variables();
    return {saved[0] * outer[0].to(saved[0].scalar_type()),
            saved[1] * outer[0],
            Tensor(),
            Tensor(),
            Tensor(),
            Tensor()};
  }
};

}  // namespace

Tensor head_loss(const Tensor& x, const Tensor& head, const Tensor& targets,
                 std::int64_t chunk_bytes) {
  const bool wanted = torch::GradMode::is_enabled() && (x.requires_grad() || head.requires_grad());
  return HeadLoss::apply(x, head, weights_for(head).detach(), targets, chunk_bytes, wanted);
}

Tensor head_losses(const Tensor& x, const Tensor& head, const Tensor& targets,
                   std::int64_t chunk_bytes) {
  torch::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const Tensor weights = weights_for(head);
  return ChunkedHead(in_one_piece(x.to(weights.scalar_type())), weights.contiguous(),
                     targets.contiguous(), chunk_bytes)
      .losses()
      .losses;
}

}  // namespace isoflop
