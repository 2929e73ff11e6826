// What the kernels share: packs of values that are read and written at once, sums over the threads
// of a row, and launching. For .cu files only.
//
// Sums have a fixed order and there are no atomics: the same input gives the same bits.
#ifndef ISOFLOP_MODEL_CUDA_BLOCK_H_
#define ISOFLOP_MODEL_CUDA_BLOCK_H_

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <string>

#include "core/error.h"
#include "model/cuda/element.h"

namespace isoflop {

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int kWarp = 32;
inline constexpr int kPackBytes = 16;  // the widest load

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class T>
__device__ inline T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

// N values in one piece of memory, aligned so that they are one load up to 16 bytes.
template <class T, int N>
struct alignas(sizeof(T) * N < kPackBytes ? sizeof(T) * N : kPackBytes) Pack {
  T at[N];
};

template <class T, int N>
__device__ inline void load(const T* from, float (&values)[N]) {
  const auto pack = *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = to_float(pack.at[i]);
}

template <class T, int N>
__device__ inline void store(T* to, const float (&values)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.at[i] = from_float<T>(values[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

// Over `lanes` neighbouring lanes, a power of two; every lane has the result.
__device__ inline float lanes_sum(float value, int lanes = kWarp) {
  for (int other = lanes / 2; other > 0; other /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, other);
  }
  return value;
}

// Over the blockDim.x threads of each threadIdx.y, whole warps of which a block has 32 at most. All
// threads of the block must call it; `of_warps` is shared memory for 32 floats.
__device__ inline float row_sum(float value, float* of_warps) {
  value = lanes_sum(value);
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  if (warps == 1) return value;
  const int first = static_cast<int>(threadIdx.y) * warps;
  if (threadIdx.x % kWarp == 0) of_warps[first + static_cast<int>(threadIdx.x) / kWarp] = value;
  __syncthreads();
  float sum = 0;
  for (int warp = 0; warp < warps; ++warp) sum += of_warps[first + warp];
  __syncthreads();  // before the next sum writes there
  return sum;
}

inline std::int64_t divide_up(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

inline bool is_aligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            GpuStream stream, const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  const cudaError_t error =
      cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  if (error == cudaSuccess) return;
  throw failure(std::string("kernel ") + name + ": " + cudaGetErrorString(error) +
                ": check that the driver is the device's and that this build has code for it");
}

}  // namespace isoflop

#endif  // ISOFLOP_MODEL_CUDA_BLOCK_H_
