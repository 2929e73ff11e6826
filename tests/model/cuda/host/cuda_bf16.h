// The part of CUDA's header of this name that our kernels use, for the host: see device_on_host.h.
#ifndef ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_BF16_H_
#define ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_BF16_H_

#include <cmath>
#include <cstdint>
#include <cstring>

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

// To the nearest, ties to even.
inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (std::isnan(value)) return {0x7fff};
  bits += 0x7fff + ((bits >> 16) & 1);
  return {static_cast<std::uint16_t>(bits >> 16)};
}

#endif  // ISOFLOP_TESTS_MODEL_CUDA_HOST_CUDA_BF16_H_
