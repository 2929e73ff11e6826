#include "io/toml_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "core/units.h"

namespace isoflop {
namespace {

bool is_bare_number(const std::string& text) {
  std::int64_t whole = 0;
  double number = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, whole).ptr == end && std::to_string(whole) == text) {
    return true;
  }
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc() && read.ptr == end && std::isfinite(number) &&
         exact_number(number) == text;
}

}  // namespace

std::string toml_string(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_value(const std::string& text) {
  const bool bare = text == "true" || text == "false" || is_bare_number(text);
  return bare ? text : toml_string(text);
}

}  // namespace isoflop
