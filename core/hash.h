// SHA-256 (FIPS 180-4) for identities and manifests; OpenSSL's libcrypto stays inside hash.cc.
#ifndef ISOFLOP_CORE_HASH_H_
#define ISOFLOP_CORE_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace isoflop {

// Lower-case hexadecimal, 64 characters.
std::string sha256(std::string_view bytes);

// For data that comes in pieces. One object, one digest; not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  std::string hex();  // ends the digest; call once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// SplitMix64 (Steele, Lea, Flood 2014): a good 64-bit mixer, the source of every derived seed here.
constexpr std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// SplitMix64's generator form; satisfies UniformRandomBitGenerator.
class SplitMix64 {
 public:
  using result_type = std::uint64_t;
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()() {
    const result_type out = splitmix64(state_);
    state_ += 0x9e3779b97f4a7c15ULL;
    return out;
  }
  // Uniform in [0, 1) with 53 bits.
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }
  // Uniform in [0, n), n > 0, without modulo bias that matters (n << 2^64).
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>((*this)()) * n) >> 64);
  }

 private:
  std::uint64_t state_;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_HASH_H_
