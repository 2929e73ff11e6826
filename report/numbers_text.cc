#include "report/numbers_text.h"

#include <array>
#include <charconv>

namespace isoflop {

std::string with_decimals(double value, int decimals) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals);
  return {buffer.data(), end.ptr};
}

std::string fixed3(double value) { return with_decimals(value, 3); }
std::string percent(double fraction, int decimals) {
  return (fraction > 0 ? "+" : "") + with_decimals(100 * fraction, decimals) + " %";
}
std::string factor_text(double value) { return with_decimals(value, value < 9.95 ? 1 : 0) + "x"; }
std::string level_text(double level) { return with_decimals(100 * level, 0) + " % intervals"; }

std::string fixed4(double value) { return with_decimals(value, 4); }

std::string interval_text(const Interval& interval, std::string (*format)(double)) {
  std::string text = format(interval.value);
  if (interval.low && interval.high) {
    text += " [" + format(*interval.low) + ", " + format(*interval.high) + "]";
  }
  return text;
}

std::string warning_lines(const std::vector<Warning>& warnings) {
  std::string out;
  for (const Warning& warning : warnings) {
    out += "warning: " + warning.message + " [" + warning.code + "]\n";
  }
  return out;
}

}  // namespace isoflop
