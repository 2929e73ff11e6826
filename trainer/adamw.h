// AdamW (Loshchilov and Hutter 2019) through LibTorch's fused kernel, one call for each group.
//
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
//   w = w - rate (decay w + (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps))
//
// Matrices decay, vectors do not. Not thread-safe.
#ifndef ISOFLOP_TRAINER_ADAMW_H_
#define ISOFLOP_TRAINER_ADAMW_H_

#include <vector>

#include "core/trial.h"
#include "model/torch_headers.h"

namespace isoflop {

class AdamW {
 public:
  AdamW(std::vector<torch::Tensor> matrices, std::vector<torch::Tensor> vectors,
        const TrainSpec& spec);

  // Scales all gradients so that their global norm is at most `clip` (0: leaves them), and returns
  // the norm before.
  double clip_gradients(double clip);
  void step(double rate);
  void zero_gradients();

 private:
  struct Group {
    std::vector<torch::Tensor> weights, means, squares, steps;
    double decay = 0;
  };
  Group make_group(std::vector<torch::Tensor> weights, double decay) const;
  std::vector<torch::Tensor> gradients() const;

  TrainSpec spec_;
  std::vector<Group> groups_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_ADAMW_H_
