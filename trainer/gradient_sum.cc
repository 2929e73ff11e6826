#include "trainer/gradient_sum.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace isoflop {
namespace {

constexpr auto kFloatBytes = static_cast<std::int64_t>(sizeof(float));

std::int64_t place_of(const torch::Tensor& parameter) { return parameter.grad().storage_offset(); }

}  // namespace

class GradientSum::Hook : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientSum& sum, std::size_t bucket) : sum_(sum), bucket_(bucket) {}
  void operator()(const torch::autograd::Variable&) override { sum_.arrived(bucket_); }

 private:
  GradientSum& sum_;
  std::size_t bucket_;
};

GradientSum::GradientSum(Ranks& ranks, const std::vector<ParameterGroup>& groups,
                         const torch::Tensor& flat, const GradientSumOptions& options)
    : ranks_(ranks), flat_(flat) {
  if (options.overlap) {
    std::int64_t end = flat.numel();
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
      if (group->weights.empty()) continue;
      cut(*group, end, options);
      end = place_of(group->weights.front());
    }
    add_hooks(groups);
  } else {
    buckets_ = {{.begin = 0, .end = flat.numel()}};
  }
  order_.resize(buckets_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

GradientSum::~GradientSum() {
  for (const torch::Tensor& parameter : parameters_) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
  }
}

// From the group's last parameter to its first; `end` is where the next group begins.
void GradientSum::cut(const ParameterGroup& group, std::int64_t end,
                      const GradientSumOptions& options) {
  std::int64_t limit = options.first_bucket;
  buckets_.push_back({.begin = end, .end = end});
  for (std::size_t i = group.weights.size(); i-- > 0;) {
    const std::int64_t begin = place_of(group.weights[i]);
    const std::int64_t bytes = (buckets_.back().begin - begin) * kFloatBytes;
    const std::int64_t before = (buckets_.back().end - buckets_.back().begin) * kFloatBytes;
    if (before > 0 && before + bytes > limit) {
      const std::int64_t edge = buckets_.back().begin;
      buckets_.push_back({.begin = edge, .end = edge});
      limit = options.bucket;
    }
    buckets_.back().begin = begin;
    ++buckets_.back().parameters;
  }
}

std::size_t GradientSum::bucket_of(const torch::Tensor& parameter) const {
  const std::int64_t place = place_of(parameter);
  const auto holds = [&](const Bucket& bucket) {
    return bucket.begin <= place && place < bucket.end;
  };
  const auto found = std::find_if(buckets_.begin(), buckets_.end(), holds);
  return static_cast<std::size_t>(found - buckets_.begin());
}

void GradientSum::add_hooks(const std::vector<ParameterGroup>& groups) {
  for (const ParameterGroup& group : groups) {
    for (const torch::Tensor& parameter : group.weights) {
      torch::autograd::impl::set_post_acc_grad_hooks(
          parameter, std::make_unique<Hook>(*this, bucket_of(parameter)));
      parameters_.push_back(parameter);
    }
  }
}

void GradientSum::begin() {
  armed_ = true;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
}

void GradientSum::arrived(std::size_t bucket) {
  if (!armed_ || --buckets_[bucket].missing > 0) return;
  if (!agreed_) completed_.push_back(bucket);
  while (sent_ < order_.size() && buckets_[order_[sent_]].missing == 0) send_next();
}

void GradientSum::send_next() {
  const Bucket& bucket = buckets_[order_[sent_++]];
  waits_.push_back(
      ranks_.all_reduce(flat_.detach().narrow(0, bucket.begin, bucket.end - bucket.begin)));
}

void GradientSum::send_rest() {
  sent_early_ = sent_;
  while (sent_ < order_.size()) send_next();
  if (!agreed_) agree_on_order();
}

void GradientSum::wait() {
  for (const auto& wait_for_it : waits_) wait_for_it();
  waits_.clear();
  sent_ = 0;
  armed_ = false;
}

void GradientSum::agree_on_order() {
  agreed_ = true;
  if (buckets_.size() < 2) return;
  std::string bytes(completed_.size() * sizeof(std::size_t), '\0');
  std::memcpy(bytes.data(), completed_.data(), bytes.size());
  bytes = ranks_.broadcast(bytes);
  // Rank 0 may have had no part of this step, and so no order.
  if (bytes.size() != order_.size() * sizeof(std::size_t)) return;
  std::memcpy(order_.data(), bytes.data(), bytes.size());
}

}  // namespace isoflop
