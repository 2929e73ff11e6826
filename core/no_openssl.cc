// SHA-256 for builds without OpenSSL (preset device): FIPS 180-4, sections 4.1.2, 5 and 6.2.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/hash.h"

namespace isoflop {
namespace {

using Words = std::array<std::uint32_t, 64>;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
Words round_constants() {
  Words constants{};
  std::size_t count = 0;
  for (std::uint32_t n = 2; count < constants.size(); ++n) {
    bool prime = true;
    for (std::uint32_t d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
    if (!prime) continue;
    const long double root = std::cbrt(static_cast<long double>(n));
    constants[count++] = static_cast<std::uint32_t>((root - std::floor(root)) * 4294967296.0L);
  }
  return constants;
}

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         std::uint32_t{at[3]};
}

std::uint32_t turned(std::uint32_t x, int a, int b, int c) {
  return std::rotr(x, a) ^ std::rotr(x, b) ^ std::rotr(x, c);
}

}  // namespace

struct Sha256::Context {
  std::array<std::uint32_t, 8> state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block{};
  std::size_t filled = 0;
  std::uint64_t bytes = 0;

  void add(std::string_view data) {
    bytes += data.size();
    while (!data.empty()) {
      const std::size_t count = std::min(data.size(), block.size() - filled);
      std::memcpy(block.data() + filled, data.data(), count);
      filled += count;
      data.remove_prefix(count);
      if (filled == block.size()) compress();
    }
  }

  // Section 5.1.1: a 1, zeros, and the length in bits in the last eight bytes.
  void pad() {
    const std::uint64_t bits = 8 * bytes;
    add(std::string_view("\x80", 1));
    while (filled != 56) add(std::string_view("\0", 1));
    for (int shift = 56; shift >= 0; shift -= 8) {
      const char byte = static_cast<char>(bits >> shift);
      add({&byte, 1});
    }
  }

  // Section 6.2.2.
  void compress() {
    static const Words kConstants = round_constants();
    Words w{};
    for (std::size_t t = 0; t < 16; ++t) w[t] = big_endian(block.data() + 4 * t);
    for (std::size_t t = 16; t < 64; ++t) {
      const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
      const std::uint32_t s0 =
          std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
      w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t t = 0; t < 64; ++t) {
      const std::uint32_t one =
          h + turned(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + kConstants[t] + w[t];
      const std::uint32_t two = turned(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    const std::array<std::uint32_t, 8> now{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < now.size(); ++i) state[i] += now[i];
    filled = 0;
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) { context_->add(bytes); }

std::string Sha256::hex() {
  context_->pad();
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint32_t word : context_->state) {
    for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[word >> shift & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

}  // namespace isoflop
