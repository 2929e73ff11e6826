// The part of CUDA's header of this name that our kernels use, for the host: see device_on_host.h.
// It stands before CUDA's own in the include path of the test that compiles the kernels as C++.
#ifndef ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_RUNTIME_H_
#define ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_RUNTIME_H_

#include <cmath>
#include <cstddef>

#include "tests/model/cuda/host/device_on_host.h"

#define __device__
#define __host__
#define __global__
#define __launch_bounds__(...)
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static  // with AddressSanitizer's zones around it
#else
#define __shared__ static __attribute__((section("isoflop_shared")))
#endif
// glibc declares a __expf of its own, and does not export it.
#define __expf isoflop::on_host::fast_exp

using dim3 = isoflop::on_host::Size;
using isoflop::on_host::blockDim;
using isoflop::on_host::blockIdx;
using isoflop::on_host::gridDim;
using isoflop::on_host::threadIdx;

inline void __syncthreads(int line = __builtin_LINE()) { isoflop::on_host::wait_for_block(line); }

inline float __shfl_xor_sync(unsigned mask, float value, int other, int line = __builtin_LINE()) {
  return isoflop::on_host::exchange(mask, value, isoflop::on_host::lane() ^ other, line);
}

inline float __shfl_down_sync(unsigned mask, float value, int by, int line = __builtin_LINE()) {
  const int from = isoflop::on_host::lane() + by;
  const bool is_inside = from < isoflop::on_host::kLanes;
  return isoflop::on_host::exchange(mask, value, is_inside ? from : isoflop::on_host::lane(), line);
}

inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }

using cudaStream_t = struct CUstream_st*;

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "invalid configuration argument";
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments... arguments) {
  const bool ran =
      isoflop::on_host::run_grid(config->gridDim, config->blockDim, [&] { kernel(arguments...); });
  return ran ? cudaSuccess : cudaErrorInvalidConfiguration;
}

#endif  // ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_RUNTIME_H_
