#include "data/utf8.h"

namespace isoflop {

bool Utf8Checker::begin(unsigned char byte) {
  low_ = 0x80, high_ = 0xBF;
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  if (byte == 0xE0) low_ = 0xA0;
  if (byte == 0xED) high_ = 0x9F;
  if (byte == 0xF0) low_ = 0x90;
  if (byte == 0xF4) high_ = 0x8F;
  return true;
}

std::optional<std::int64_t> Utf8Checker::feed(std::string_view piece) {
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    if (missing_ == 0) {
      start_ = offset_;
      if (!begin(byte)) return start_;
    } else {
      if (byte < low_ || byte > high_) return start_;
      low_ = 0x80, high_ = 0xBF;
      --missing_;
    }
    ++offset_;
  }
  return std::nullopt;
}

std::optional<std::int64_t> Utf8Checker::finish() const {
  return missing_ > 0 ? std::optional(start_) : std::nullopt;
}

}  // namespace isoflop
