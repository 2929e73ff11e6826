// The vector type of the instruction set that a file is compiled for, and the few functions on it.
//
// Everything in kernels/ but transformer_pass.cc, pass_memory.cc, kernels.cc and peak.cc is
// compiled once for each instruction set, in a namespace of its own (ISOFLOP_ISA, set by
// CMakeLists.txt), and chosen when the program starts: see kernels.h. So that no function compiled
// for AVX-512 is ever linked into the path of another processor, these files use no inline function
// of the standard library.
//
// Vectors are GCC's and Clang's vector extensions: + - * / < ?: work lane by lane, with the rules
// of IEEE for NaN and infinity. Multiplications and additions may be fused, nothing is
// reassociated.
#ifndef ISOFLOP_KERNELS_VEC_H_
#define ISOFLOP_KERNELS_VEC_H_

#include <cstdint>

#ifndef ISOFLOP_ISA
#define ISOFLOP_ISA baseline
#endif

namespace isoflop::ISOFLOP_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

template <int n>
struct VecOf {
  typedef float Floats __attribute__((vector_size(n * sizeof(float))));
  typedef std::uint32_t Bits __attribute__((vector_size(n * sizeof(float))));
};
template <>
struct VecOf<1> {
  using Floats = float;
  using Bits = std::uint32_t;
};
using Vec = VecOf<kLanes>::Floats;
using VecBits = VecOf<kLanes>::Bits;

template <class V = Vec>
inline V load(const float* at) {
  V value;
  __builtin_memcpy(&value, at, sizeof(V));
  return value;
}

template <class V>
inline void store(float* at, V value) {
  __builtin_memcpy(at, &value, sizeof(V));
}

inline Vec broadcast(float value) { return value - Vec{}; }

inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }  // b where a is NaN

inline float sum_of(Vec value) {
  float sum = value[0];
  for (int lane = 1; lane < kLanes; ++lane) sum += value[lane];
  return sum;
}

inline Vec inverse_square_root(Vec value) {
  Vec root;
  for (int lane = 0; lane < kLanes; ++lane) root[lane] = __builtin_sqrtf(value[lane]);
  return 1.0f / root;
}

// e^x with a relative error below 2e-7 for -87 <= x <= 88, and e^-87 or e^88 beyond; NaN stays NaN.
//
//   n = round(x / ln 2),  r = x - n ln 2 in two parts,  e^x = 2^n (1 + r + ... + r^6 / 6!)
inline Vec exponential(Vec x) {
  constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it leaves a whole number
  x = x > 88.0f ? broadcast(88.0f) : x;
  x = x < -87.0f ? broadcast(-87.0f) : x;
  const Vec shifted = x * 1.44269504f + kRound;
  const Vec n = shifted - kRound;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  const Vec series =
      1 +
      r * (1 + r * (1.f / 2 + r * (1.f / 6 + r * (1.f / 24 + r * (1.f / 120 + r * (1.f / 720))))));
  VecBits bits;
  __builtin_memcpy(&bits, &shifted, sizeof(bits));
  bits = (bits << 23) + (127u << 23);  // the bits of 2^n: n sits in the lowest bits of `shifted`
  Vec power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  return series * power;
}

// Calls body(t, vectors) for consecutive stretches of [0, columns): as long as there is room, of
// four vectors at once, which hides the latency of one. `vectors` is a compile-time constant:
// decltype(vectors)::value. `columns` is a multiple of 16.
template <int n>
struct Count {
  static constexpr int value = n;
};
template <class Body>
inline void for_each_stretch(std::int64_t columns, const Body& body) {
  std::int64_t t = 0;
  for (; t + 4 * kLanes <= columns; t += 4 * kLanes) body(t, Count<4>{});
  for (; t < columns; t += kLanes) body(t, Count<1>{});
}

}  // namespace isoflop::ISOFLOP_ISA

#endif  // ISOFLOP_KERNELS_VEC_H_
