// Numbers as people write and read them: "1e19", "3.5B", "70M", "20k".
//
// Suffixes are decimal: k 1e3, M 1e6, B or G 1e9, T 1e12, P 1e15, E 1e18 (E only after a digit and
// at the end, so that "1e19" stays an exponent). All functions are locale-independent and
// thread-safe.
#ifndef ISOFLOP_CORE_UNITS_H_
#define ISOFLOP_CORE_UNITS_H_

#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

// Throws Error(kUsage) naming `what` when `text` is not a finite number with an optional suffix.
double parse_quantity(std::string_view text, std::string_view what);

// The same, but "not a number" is an empty optional.
std::optional<double> try_parse_quantity(std::string_view text);

// Seconds from "90s", "30min", "24h", "7d" or "2w"; the unit must be said. Throws Error(kUsage)
// naming `what`.
double parse_duration(std::string_view text, std::string_view what);

// Bytes from "80GB", "24G", "1.5TB", "80GiB": decimal units but for KiB, MiB, GiB and TiB. Throws
// Error(kUsage) naming `what`.
double parse_bytes(std::string_view text, std::string_view what);

// US dollars from "$500", "500", "$1.2M". Throws Error(kUsage) naming `what`, for other currencies
// too.
double parse_money(std::string_view text, std::string_view what);

// "$1.23k", "$500", "$0.42": three significant digits.
std::string format_money(double dollars);

// "80.0 GB", "1.12 TB": three significant digits, decimal units.
std::string format_bytes(double bytes);

// Three significant digits and a suffix: 73.2B, 1.31T, 950, 4.20k, 1.5e+21 beyond 1e18.
std::string format_quantity(double value);

// Three significant digits with an exponent, as FLOPs are read: 5.76e23.
std::string format_flops(double flops);

// "42 s", "3 min 10 s", "2 h 5 min", "4.1 days".
std::string format_duration(double seconds);

// Shortest text that reads back as the same double: "0.1", "1e+19".
std::string exact_number(double value);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_UNITS_H_
