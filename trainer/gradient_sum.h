// Sums a flat array of gradients over the processes of a trial, while the backward pass still goes
// on where that is possible.
//
// The array is cut into buckets of whole parameters: about 25 MB, a first one of 1 MB a group, from
// a group's end to its beginning, which is roughly the order of the backward pass. Where autograd
// makes the gradients (overlap), a hook on each parameter counts down its bucket, and a bucket
// whose gradients are all there is sent off at once, at that moment the others are still being
// computed (Li et al. 2020, arXiv:2006.15704, section 3.2). Buckets go in the same order in every
// process, as c10d wants it: the order in which rank 0's were complete in the first step.
//
// Without overlap (the kernels of kernels/ write all gradients in one call) there is one bucket.
//
// Float32 sums in another order: results equal one process' to rounding. All processes end with the
// same bits.
#ifndef ISOFLOP_TRAINER_GRADIENT_SUM_H_
#define ISOFLOP_TRAINER_GRADIENT_SUM_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "model/transformer.h"
#include "trainer/ranks.h"

namespace isoflop {

struct GradientSumOptions {
  bool overlap = true;
  std::int64_t first_bucket = 1 << 20;  // bytes
  std::int64_t bucket = 25 << 20;
};

class GradientSum {
 public:
  // `flat` holds the gradients of all parameters of `groups`, each a view, in order.
  GradientSum(Ranks& ranks, const std::vector<ParameterGroup>& groups, const torch::Tensor& flat,
              const GradientSumOptions& options);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // The next backward pass is the step's last: what it completes can be sent.
  void begin();
  // Sends what has not been sent. Then other calls of Ranks may follow.
  void send_rest();
  // Waits until `flat` is the sum over all.
  void wait();

  std::size_t buckets() const { return buckets_.size(); }
  // Buckets of the last step that went off before its backward pass had ended.
  std::size_t sent_early() const { return sent_early_; }

 private:
  class Hook;
  struct Bucket {
    std::int64_t begin = 0, end = 0;  // of flat
    std::int64_t parameters = 0;
    std::int64_t missing = 0;
  };

  void cut(const ParameterGroup& group, std::int64_t end, const GradientSumOptions& options);
  void add_hooks(const std::vector<ParameterGroup>& groups);
  std::size_t bucket_of(const torch::Tensor& parameter) const;
  void arrived(std::size_t bucket);
  void send_next();
  void agree_on_order();

  Ranks& ranks_;
  torch::Tensor flat_;
  std::vector<torch::Tensor> parameters_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> order_;      // in which they are sent
  std::vector<std::size_t> completed_;  // in the first step
  std::size_t sent_ = 0, sent_early_ = 0;
  bool armed_ = false;
  bool agreed_ = false;
  std::vector<std::function<void()>> waits_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_GRADIENT_SUM_H_
