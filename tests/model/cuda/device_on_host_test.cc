// The device on the host itself: right kernels run, wrong ones are found.
#include "tests/model/cuda/host/device_on_host.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>
#include <vector>

namespace isoflop {
namespace {

constexpr unsigned kAll = 0xffffffffu;

struct DeviceOnHost : testing::Test {
  ~DeviceOnHost() override { on_host::set_order(0); }

  template <class... Arguments>
  static void run(dim3 grid, dim3 block, void (*kernel)(Arguments...), Arguments... arguments) {
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    ASSERT_EQ(cudaLaunchKernelEx(&config, kernel, arguments...), cudaSuccess);
  }
  // What the kernel writes into `size` numbers, under three orders of the threads.
  static std::vector<std::vector<float>> orders(dim3 block, void (*kernel)(float*),
                                                std::size_t size) {
    std::vector<std::vector<float>> results;
    for (const unsigned order : {0u, 1u, 7u}) {
      on_host::set_order(order);
      results.emplace_back(size);
      run(dim3(1), block, kernel, results.back().data());
    }
    return results;
  }
};

__global__ void number_threads(float* out) {
  const unsigned blocks = blockIdx.y * gridDim.x + blockIdx.x;
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
  out[blocks * blockDim.x * blockDim.y + thread] += static_cast<float>(thread + 100 * blocks);
}

TEST_F(DeviceOnHost, RunsEveryThreadOfEveryBlockOnce) {
  std::vector<float> out(6 * 40);
  run(dim3(3, 2), dim3(8, 5), number_threads, out.data());
  for (int i = 0; i < 240; ++i) {
    EXPECT_EQ(out[static_cast<std::size_t>(i)], static_cast<float>(i % 40 + 100 * (i / 40)));
  }
}

__global__ void reverse(float* out) {
  __shared__ float values[64];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void reverse_without_barrier(float* out) {
  __shared__ float values[64];
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  out[threadIdx.x] = values[63 - threadIdx.x];
}

TEST_F(DeviceOnHost, BarriersSeparateAndAMissingOneIsSeenByTheOrderOfThreads) {
  const auto right = orders(dim3(64), reverse, 64);
  EXPECT_EQ(right[0], right[1]);
  EXPECT_EQ(right[0], right[2]);
  EXPECT_EQ(right[0][0], 63);
  const auto wrong = orders(dim3(64), reverse_without_barrier, 64);
  EXPECT_NE(wrong[0], wrong[1]);
}

__global__ void warp_sums(float* out) {
  auto sum = static_cast<float>(threadIdx.x);
  for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(kAll, sum, other);
  auto below = static_cast<float>(threadIdx.x);
  for (int by = 16; by > 0; by /= 2) below += __shfl_down_sync(kAll, below, by);
  out[threadIdx.x] = threadIdx.x % 32 == 0 ? sum + below : sum;
}

TEST_F(DeviceOnHost, LanesExchangeWithinTheirWarp) {
  for (const auto& out : orders(dim3(64), warp_sums, 64)) {
    EXPECT_EQ(out[0], 2 * 496);  // 0 + ... + 31
    EXPECT_EQ(out[5], 496);
    EXPECT_EQ(out[33], 496 + 32 * 32);
  }
}

__global__ void some_leave_before_the_barrier(float*) {
  if (threadIdx.x < 3) return;
  __syncthreads();
}

__global__ void two_barriers(float*) {
  if (threadIdx.x < 3) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void half_a_warp_exchanges(float* out) {
  if (threadIdx.x < 16) out[0] = __shfl_xor_sync(kAll, 1.0f, 1);
}

__global__ void reads_from_outside_the_mask(float* out) {
  if (threadIdx.x < 16) out[0] = __shfl_xor_sync(0xffffu, 1.0f, 16);
}

TEST_F(DeviceOnHost, WaitingForThreadsThatDoNotComeIsAnError) {
  std::vector<float> out(64);
  for (const auto kernel : {some_leave_before_the_barrier, two_barriers, half_a_warp_exchanges,
                            reads_from_outside_the_mask}) {
    EXPECT_THROW(run(dim3(1), dim3(32), kernel, out.data()), std::logic_error);
  }
  // A last warp of 16 threads has no lanes 16 to 31.
  EXPECT_THROW(run(dim3(1), dim3(48), warp_sums, out.data()), std::logic_error);
}

TEST_F(DeviceOnHost, RefusesWhatNoDeviceTakes) {
  cudaLaunchConfig_t config{};
  float out[1];
  for (const auto& [grid, block] : {std::pair(dim3(0), dim3(32)), std::pair(dim3(1), dim3(2048)),
                                    std::pair(dim3(1, 70000), dim3(32))}) {
    config.gridDim = grid;
    config.blockDim = block;
    EXPECT_EQ(cudaLaunchKernelEx(&config, number_threads, &out[0]), cudaErrorInvalidConfiguration);
  }
}

#ifndef __SANITIZE_ADDRESS__  // which guards the bounds of shared memory instead
__global__ void reads_before_writing(float* out) {
  __shared__ float values[32];
  out[blockIdx.x] = values[0];
  __syncthreads();
  values[threadIdx.x] = 1;
}

TEST_F(DeviceOnHost, SharedMemoryOfABlockKnowsNothingOfTheOneBefore) {
  std::vector<float> out(2);
  run(dim3(2), dim3(32), reads_before_writing, out.data());
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_TRUE(std::isnan(out[1]));
}
#endif

TEST(Bfloat16OnHost, RoundsToTheNearestTiesToEven) {
  const auto round_trip = [](float value) { return __bfloat162float(__float2bfloat16_rn(value)); };
  EXPECT_EQ(round_trip(1.0f), 1.0f);
  EXPECT_EQ(round_trip(1.0f + 0x1p-8f), 1.0f);                // a tie, to even
  EXPECT_EQ(round_trip(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);  // a tie, to even
  EXPECT_EQ(round_trip(1.0f + 0x1p-8f + 0x1p-20f), 1.0f + 0x1p-7f);
  EXPECT_TRUE(std::isinf(round_trip(3.4e38f)));
  EXPECT_TRUE(std::isnan(round_trip(NAN)));
}

}  // namespace
}  // namespace isoflop
