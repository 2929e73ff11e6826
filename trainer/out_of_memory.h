// LibTorch's ways of saying that there is no memory left, as the trial's outcome.
//
//   c10::OutOfMemoryError                                  the CUDA allocator
//   c10::Error "... DefaultCPUAllocator: can't allocate"   the CPU allocator
//   c10::Error "CUDA error: out of memory", "..._STATUS_ALLOC_FAILED"   the driver, cuBLAS, cuDNN
//   std::bad_alloc                                         everything else
#ifndef ISOFLOP_TRAINER_OUT_OF_MEMORY_H_
#define ISOFLOP_TRAINER_OUT_OF_MEMORY_H_

#include <exception>
#include <functional>

#include "core/trial_runner.h"

namespace isoflop {

bool is_out_of_memory(const std::exception& error);

// What `train` returns, or kOutOfMemory with the first line of what the allocator said. Other
// exceptions pass.
Outcome or_out_of_memory(const std::function<Outcome()>& train);

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_OUT_OF_MEMORY_H_
