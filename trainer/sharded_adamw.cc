#include "trainer/sharded_adamw.h"

#include <cmath>

namespace isoflop {

void ShardedAdamW::sum_gradients() {
  torch::NoGradGuard no_grad;
  const torch::Tensor& whole = optimizer_.flat_gradients();
  const torch::Tensor own = optimizer_.own_part(whole);
  const auto sum = torch::empty_like(own);  // c10d wants it apart from what it reads
  ranks_.reduce_scatter(whole, sum);
  own.copy_(sum);
}

double ShardedAdamW::clip_gradients(double clip) {
  torch::NoGradGuard no_grad;
  const torch::Tensor own = optimizer_.own_part(optimizer_.flat_gradients());
  const double part = own.norm().item<double>();
  const double norm = std::sqrt(ranks_.sum({part * part}).at(0));
  if (clip > 0 && norm > clip) own.mul_(clip / (norm + 1e-6));
  return norm;
}

void ShardedAdamW::gather_weights() {
  torch::NoGradGuard no_grad;
  const torch::Tensor& whole = optimizer_.flat_weights();
  ranks_.all_gather(whole, optimizer_.own_part(whole).clone());
}

std::vector<float> ShardedAdamW::gathered(const torch::Tensor& shard) {
  const auto whole = torch::empty_like(optimizer_.flat_weights());
  ranks_.all_gather(whole, shard);
  const auto host = whole.cpu();
  const auto* first = host.data_ptr<float>();
  return {first, first + optimizer_.size()};
}

AdamW::State ShardedAdamW::state() {
  torch::NoGradGuard no_grad;
  AdamW::State state = optimizer_.state();  // its moments are the shard's
  state.means = gathered(optimizer_.own_means());
  state.squares = gathered(optimizer_.own_squares());
  return state;
}

}  // namespace isoflop
