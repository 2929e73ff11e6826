#include <cfloat>
#include <cmath>

#include "model/cuda/block.h"
#include "model/cuda/cross_entropy.h"

namespace isoflop {
namespace {

// Maximum and sum of exp(z - maximum) of what was seen so far.
struct SoftmaxSum {
  float maximum;
  float sum;
};

__device__ SoftmaxSum together(SoftmaxSum a, SoftmaxSum b) {
  const float maximum = fmaxf(a.maximum, b.maximum);
  return {maximum, a.sum * __expf(a.maximum - maximum) + b.sum * __expf(b.maximum - maximum)};
}

template <int N>
__device__ SoftmaxSum with(SoftmaxSum all, const float (&values)[N]) {
  float maximum = all.maximum;
#pragma unroll
  for (int i = 0; i < N; ++i) maximum = fmaxf(maximum, values[i]);
  float sum = all.sum * __expf(all.maximum - maximum);
#pragma unroll
  for (int i = 0; i < N; ++i) sum += __expf(values[i] - maximum);
  return {maximum, sum};
}

__device__ SoftmaxSum over_block(SoftmaxSum mine, SoftmaxSum* of_warps) {
  for (int other = kWarp / 2; other > 0; other /= 2) {
    mine = together(mine, {__shfl_xor_sync(kAllLanes, mine.maximum, other),
                           __shfl_xor_sync(kAllLanes, mine.sum, other)});
  }
  if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = mine;
  __syncthreads();
  SoftmaxSum all = of_warps[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) all = together(all, of_warps[warp]);
  return all;
}

template <class T, int N>
__device__ SoftmaxSum sum_of_row(const T* row, std::int64_t vocab) {
  const std::int64_t packed = vocab / N * N;
  SoftmaxSum mine{-FLT_MAX, 0.0f};
  float values[N], last[1];
  for (std::int64_t v = threadIdx.x * N; v < packed; v += blockDim.x * N) {
    load(row + v, values);
    mine = with(mine, values);
  }
  for (std::int64_t v = packed + threadIdx.x; v < vocab; v += blockDim.x) {
    load(row + v, last);
    mine = with(mine, last);
  }
  return mine;
}

// `offset` is the logarithm of the row's sum of exponentials.
template <class T, int N>
__device__ void write_gradient(T* row, std::int64_t vocab, std::int64_t target, float offset,
                               float scale) {
  const std::int64_t packed = vocab / N * N;
  float values[N], last[1];
  for (std::int64_t v = threadIdx.x * N; v < packed; v += blockDim.x * N) {
    load(row + v, values);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      values[i] = scale * (__expf(values[i] - offset) - (v + i == target ? 1.0f : 0.0f));
    }
    store(row + v, values);
  }
  for (std::int64_t v = packed + threadIdx.x; v < vocab; v += blockDim.x) {
    load(row + v, last);
    last[0] = scale * (__expf(last[0] - offset) - (v == target ? 1.0f : 0.0f));
    store(row + v, last);
  }
}

template <class T>
__device__ void write_zeros(T* row, std::int64_t vocab) {
  for (std::int64_t v = threadIdx.x; v < vocab; v += blockDim.x) row[v] = from_float<T>(0.0f);
}

template <class T, int N>
__global__ void cross_entropy_kernel(T* logits, const std::int64_t* targets, float* losses,
                                     const float* scale, std::int64_t vocab, std::int64_t stride) {
  __shared__ SoftmaxSum of_warps[kWarp];
  const std::int64_t target = targets[blockIdx.x];
  T* row = logits + static_cast<std::int64_t>(blockIdx.x) * stride;
  if (target < 0 || target >= vocab) {
    if (threadIdx.x == 0) losses[blockIdx.x] = target < 0 ? 0.0f : NAN;
    if (scale != nullptr) write_zeros(row, vocab);
    return;
  }
  // Before the barrier of over_block: after it the logit is no more.
  const float of_target = threadIdx.x == 0 ? to_float(row[target]) : 0.0f;
  const SoftmaxSum all = over_block(sum_of_row<T, N>(row, vocab), of_warps);
  const float log_sum = all.maximum + logf(all.sum);
  if (threadIdx.x == 0) losses[blockIdx.x] = log_sum - of_target;
  if (scale != nullptr) write_gradient<T, N>(row, vocab, target, log_sum, *scale);
}

template <class T, int N>
void launch_rows(const CrossEntropyRows& rows, GpuStream stream) {
  constexpr std::int64_t kMostThreads = 512;
  const std::int64_t warps = divide_up(divide_up(rows.vocab, N), kWarp);
  const std::int64_t threads = warps * kWarp < kMostThreads ? warps * kWarp : kMostThreads;
  launch("cross_entropy", cross_entropy_kernel<T, N>, dim3(static_cast<unsigned>(rows.rows)),
         dim3(static_cast<unsigned>(threads)), stream, static_cast<T*>(rows.logits), rows.targets,
         rows.losses, rows.scale, rows.vocab, rows.stride);
}

template <class T>
void packed_or_not(const CrossEntropyRows& rows, GpuStream stream) {
  constexpr int kPack = kPackBytes / static_cast<int>(sizeof(T));
  if (rows.stride % kPack == 0 && is_aligned(rows.logits, kPackBytes)) {
    launch_rows<T, kPack>(rows, stream);
  } else {
    launch_rows<T, 1>(rows, stream);
  }
}

}  // namespace

void cross_entropy(const CrossEntropyRows& rows, GpuStream stream) {
  if (rows.rows == 0) return;
  if (rows.element == Element::kFloat) return packed_or_not<float>(rows, stream);
  packed_or_not<__nv_bfloat16>(rows, stream);
}

}  // namespace isoflop
