// Cyclic redundancy checks of 32 bits, reflected, begun and ended with all bits turned: the frames
// of TensorBoard's and W&B's files. The polynomial, reflected, says which one.
#ifndef ISOFLOP_IMPORTS_CRC32_H_
#define ISOFLOP_IMPORTS_CRC32_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace isoflop {

inline constexpr std::uint32_t kCastagnoli = 0x82f63b78u;  // CRC-32C (RFC 3720)
inline constexpr std::uint32_t kZlib = 0xedb88320u;        // CRC-32 of zlib (RFC 1952)

template <std::uint32_t kPolynomial>
constexpr std::array<std::uint32_t, 256> crc32_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0u);
    table[i] = crc;
  }
  return table;
}

template <std::uint32_t kPolynomial>
std::uint32_t crc32_of(std::string_view bytes) {
  static constexpr auto kTable = crc32_table<kPolynomial>();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_CRC32_H_
