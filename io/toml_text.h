// Values as TOML writes them; for io/'s own sources.
#ifndef ISOFLOP_IO_TOML_TEXT_H_
#define ISOFLOP_IO_TOML_TEXT_H_

#include <string>
#include <string_view>

namespace isoflop {

// In quotes, escaped.
std::string toml_string(std::string_view text);

// Without quotes where TOML reads the same text back: true, false, numbers as exact_number writes
// them.
std::string toml_value(const std::string& text);

}  // namespace isoflop

#endif  // ISOFLOP_IO_TOML_TEXT_H_
