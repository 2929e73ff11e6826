#include "model/cuda/stream.h"

#include <c10/cuda/CUDAStream.h>

namespace isoflop {

GpuStream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

bool has_kernels() { return true; }

}  // namespace isoflop
