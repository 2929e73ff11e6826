// A batch as a transformer's operations take it, and the way there through one array of fixed size.
//
// A recorded step (trainer/step_runner.h) reads its batch from the same place every time, with the
// same shapes. So a TokenBatch is packed into one array of int32, which goes to the device in one
// copy, and is unpacked there into views:
//
//   inputs [B T], targets [B T]; with next-sentence prediction segments [B T], follows [B]; of
//   masked models predicted [P]
//
// P is predictions_per_window x B (data/masking.h), so that batches of a trial have one size.
#ifndef ISOFLOP_MODEL_DEVICE_BATCH_H_
#define ISOFLOP_MODEL_DEVICE_BATCH_H_

#include <cstdint>
#include <vector>

#include "core/model_config.h"
#include "core/token_batch.h"
#include "model/torch_headers.h"

namespace isoflop {

struct DeviceBatch {
  torch::Tensor inputs, targets;  // int64 [B, T] on the model's device
  // Of masked models, else not defined.
  torch::Tensor predicted;  // int64 [P]: where targets are, in [B x T]
  torch::Tensor segments;   // int64 [B, T]
  torch::Tensor follows;    // int64 [B]
};

// Where something is predicted, in [B x T].
std::vector<std::int32_t> predicted_places(const std::vector<std::int32_t>& targets);

std::vector<std::int32_t> packed(const TokenBatch& batch, const ModelConfig& config);
// `values` int64, of the size that packed() gave for a batch of so many sequences.
DeviceBatch unpacked(const torch::Tensor& values, std::int64_t sequences, std::int64_t length,
                     const ModelConfig& config);

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_DEVICE_BATCH_H_
