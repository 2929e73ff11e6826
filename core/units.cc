#include "core/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace isoflop {
namespace {

struct Suffix {
  char letter;
  double factor;
};
constexpr std::array<Suffix, 8> kSuffixes{{{'k', 1e3},
                                           {'K', 1e3},
                                           {'M', 1e6},
                                           {'B', 1e9},
                                           {'G', 1e9},
                                           {'T', 1e12},
                                           {'P', 1e15},
                                           {'E', 1e18}}};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// printf("%.*e") and friends follow the locale's decimal point; to_chars does not.
std::string with_digits(double value, std::chars_format format, int digits) {
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, digits);
  return {buffer.data(), end.ptr};
}

// "5.760e+23" -> "5.76e23"
std::string tidy_exponent(const std::string& text) {
  const auto e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.back() == '.') mantissa.pop_back();
  }
  int exponent = 0;
  const char* begin = text.data() + e + 1;
  if (*begin == '+') ++begin;
  std::from_chars(begin, text.data() + text.size(), exponent);
  return mantissa + "e" + std::to_string(exponent);
}

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 14> kDurations{{{"ms", 1e-3},
                                           {"s", 1},
                                           {"sec", 1},
                                           {"m", 60},
                                           {"min", 60},
                                           {"h", 3600},
                                           {"hour", 3600},
                                           {"hours", 3600},
                                           {"d", 86400},
                                           {"day", 86400},
                                           {"days", 86400},
                                           {"w", 604800},
                                           {"week", 604800},
                                           {"weeks", 604800}}};
constexpr std::array<Unit, 14> kBytes{{{"B", 1},
                                       {"k", 1e3},
                                       {"kB", 1e3},
                                       {"KB", 1e3},
                                       {"M", 1e6},
                                       {"MB", 1e6},
                                       {"G", 1e9},
                                       {"GB", 1e9},
                                       {"T", 1e12},
                                       {"TB", 1e12},
                                       {"KiB", 1024.0},
                                       {"MiB", 1024.0 * 1024},
                                       {"GiB", 1024.0 * 1024 * 1024},
                                       {"TiB", 1024.0 * 1024 * 1024 * 1024}}};

// A number and one of the units, with or without a space between.
template <std::size_t n>
std::optional<double> with_unit(std::string_view text, const std::array<Unit, n>& units) {
  text = trimmed(text);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || !std::isfinite(value)) return std::nullopt;
  const auto rest = trimmed(text.substr(static_cast<size_t>(result.ptr - text.data())));
  for (const Unit& unit : units) {
    if (rest == unit.name) return value * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> try_parse_quantity(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || !std::isfinite(value)) return std::nullopt;
  const std::string_view rest = text.substr(static_cast<size_t>(result.ptr - text.data()));
  if (rest.empty()) return value;
  if (rest.size() != 1) return std::nullopt;
  for (const Suffix& suffix : kSuffixes) {
    if (rest.front() == suffix.letter) return value * suffix.factor;
  }
  return std::nullopt;
}

double parse_quantity(std::string_view text, std::string_view what) {
  if (const auto value = try_parse_quantity(text)) return *value;
  throw usage_error(std::string(what) + ": \"" + std::string(text) +
                    "\" is not a number: write it like 1e19, 350000, 3.5B or 20k "
                    "(k, M, B, T, P, E)");
}

double parse_duration(std::string_view text, std::string_view what) {
  if (const auto seconds = with_unit(text, kDurations)) return *seconds;
  throw usage_error(std::string(what) + ": \"" + std::string(text) +
                    "\" is not a time: write it like 24h, 30min, 7d or 20ms");
}

double parse_bytes(std::string_view text, std::string_view what) {
  if (const auto bytes = with_unit(text, kBytes)) return *bytes;
  throw usage_error(std::string(what) + ": \"" + std::string(text) +
                    "\" is no amount of memory: write it like 80GB or 80GiB");
}

double parse_money(std::string_view text, std::string_view what) {
  std::string_view number = trimmed(text);
  if (!number.empty() && number.front() == '$') number.remove_prefix(1);
  if (const auto dollars = try_parse_quantity(number)) return *dollars;
  throw usage_error(std::string(what) + ": \"" + std::string(text) +
                    "\" is no amount of US dollars: write it like 500 or 1.2M; a $ needs quotes "
                    "in a shell: '$500'");
}

std::string format_money(double dollars) {
  return std::abs(dollars) < 0.01 && dollars != 0
             ? "$" + with_digits(dollars, std::chars_format::general, 2)
             : "$" + format_quantity(dollars);
}

std::string format_bytes(double bytes) {
  if (!(std::abs(bytes) >= 999.5)) return format_quantity(bytes) + " B";
  std::string text = format_quantity(bytes);
  if (text.find('e') != std::string::npos) return text + " B";
  const char suffix = text.back();
  text.pop_back();
  return text + ' ' + (suffix == 'B' ? 'G' : suffix) + 'B';
}

std::string format_quantity(double value) {
  if (value == 0) return "0";
  if (!std::isfinite(value)) return "not finite";
  const double magnitude = std::abs(value);
  if (magnitude >= 9.995e17 || magnitude < 1e-3) return format_flops(value);
  static constexpr std::array<Suffix, 5> kPrinted{
      {{'P', 1e15}, {'T', 1e12}, {'B', 1e9}, {'M', 1e6}, {'k', 1e3}}};
  for (const Suffix& suffix : kPrinted) {
    if (magnitude < 0.9995 * suffix.factor) continue;
    const double scaled = value / suffix.factor;
    const int decimals = std::abs(scaled) < 9.995 ? 2 : std::abs(scaled) < 99.95 ? 1 : 0;
    return with_digits(scaled, std::chars_format::fixed, decimals) + suffix.letter;
  }
  if (magnitude < 0.995) return with_digits(value, std::chars_format::general, 3);
  const int decimals = magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0;
  return with_digits(value, std::chars_format::fixed, decimals);
}

std::string format_flops(double flops) {
  if (flops == 0) return "0";
  return tidy_exponent(with_digits(flops, std::chars_format::scientific, 2));
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (seconds < 9.95) return with_digits(seconds, std::chars_format::fixed, 1) + " s";
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  if (whole < 86400) {
    return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
  }
  return with_digits(seconds / 86400, std::chars_format::fixed, 1) + " days";
}

std::string exact_number(double value) {
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end.ptr};
}

}  // namespace isoflop
