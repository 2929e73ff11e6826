// The stream that LibTorch's operations of this thread are queued on.
#ifndef ISOFLOP_MODEL_CUDA_STREAM_H_
#define ISOFLOP_MODEL_CUDA_STREAM_H_

#include "model/cuda/element.h"

namespace isoflop {

GpuStream current_stream();
bool has_kernels();  // false: built without CUDA, and every kernel throws

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_STREAM_H_
