// Is it UTF-8? Well-formed as in Unicode 15, table 3-7: no overlong forms, no surrogates, nothing
// beyond U+10FFFF.
#ifndef ISOFLOP_DATA_UTF8_H_
#define ISOFLOP_DATA_UTF8_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace isoflop {

// Text that comes in pieces, which may end within a character. Offsets count from the first byte
// fed; what is given is the first byte of what is no character.
class Utf8Checker {
 public:
  std::optional<std::int64_t> feed(std::string_view piece);
  std::optional<std::int64_t> finish() const;  // where a character was cut at the end

 private:
  bool begin(unsigned char byte);

  std::int64_t offset_ = 0;
  std::int64_t start_ = 0;                  // of the character being read
  int missing_ = 0;                         // continuation bytes still to come
  unsigned char low_ = 0x80, high_ = 0xBF;  // bounds of the next one
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_UTF8_H_
