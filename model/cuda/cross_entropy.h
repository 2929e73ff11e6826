// Softmax and cross-entropy of rows of logits, one block of threads a row.
//
//   loss[r] = logsumexp(z[r]) - z[r][target[r]],   dz[r][v] = scale (softmax(z[r])[v] - [v =
//   target[r]])
//
// Sums are float32 whatever the logits are (Milakov and Gimelshein 2018, arXiv:1805.02867, for the
// sum and the maximum in one pass). The gradient takes the logits' place: they are needed no more.
// A target of -1 has loss 0 and gradient 0; one beyond the vocabulary has loss NaN, so that it is
// seen, and gradient 0.
//
// Pointers are of the device. Throws Error(kFailed) when the kernel cannot be launched.
#ifndef ISOFLOP_MODEL_CUDA_CROSS_ENTROPY_H_
#define ISOFLOP_MODEL_CUDA_CROSS_ENTROPY_H_

#include <cstdint>

#include "model/cuda/element.h"

namespace isoflop {

struct CrossEntropyRows {
  Element element = Element::kFloat;
  void* logits = nullptr;  // [rows, stride], of which the first `vocab` of a row count
  const std::int64_t* targets = nullptr;  // [rows]
  float* losses = nullptr;                // [rows]
  const float* scale = nullptr;           // one number; null: no gradients, the logits stay
  std::int64_t rows = 0, vocab = 0, stride = 0;
};

void cross_entropy(const CrossEntropyRows& rows, GpuStream stream);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_CROSS_ENTROPY_H_
