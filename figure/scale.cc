#include "figure/scale.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "figure/text_size.h"

namespace isoflop {
namespace {

// Share of the axis left free beyond the data, at each end.
constexpr double kPadding = 0.04;

std::string superscript(int exponent) {
  static const std::vector<std::string> digits{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out = exponent < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(exponent))) {
    out += digits[static_cast<std::size_t>(c - '0')];
  }
  return out;
}

int floor_log10(double value) { return static_cast<int>(std::floor(std::log10(value) + 1e-9)); }

// "2×10¹⁸"
std::string power_label(double value) {
  if (value == 0) return "0";
  const int exponent = floor_log10(std::fabs(value));
  const std::string mantissa = fmt::format("{:.3g}", std::fabs(value) / std::pow(10, exponent));
  const std::string sign = value < 0 ? "−" : "";
  return sign + (mantissa == "1" ? "" : mantissa + "×") + "10" + superscript(exponent);
}

// Fixed notation with just the decimals that tell ticks `step` apart; thousands have commas.
std::string fixed_label(double value, double step) {
  const int decimals = std::clamp(-floor_log10(step * 1.0000001), 0, 10);
  std::string digits = fmt::format("{:.{}f}", std::fabs(value), decimals);
  const std::size_t whole = std::min(digits.find('.'), digits.size());
  if (whole > 4) digits.insert(whole - 3, ",");
  const bool zero = digits.find_first_not_of("0.,") == std::string::npos;
  return (value < 0 && !zero ? "−" : "") + digits;
}

std::string quantity_label(double value, double step) {
  static const std::vector<std::string> suffixes{"", "k", "M", "B", "T", "P"};
  const double size = std::max(std::fabs(value), step);
  if (size < 1000) return fixed_label(value, step);
  const auto thousands = static_cast<std::size_t>(floor_log10(size) / 3);
  if (thousands >= suffixes.size()) return power_label(value);
  if (value == 0) return "0";
  const double unit = std::pow(1000, static_cast<double>(thousands));
  return fixed_label(value / unit, std::max(step / unit, 1e-3)) + suffixes[thousands];
}

std::string plain_label(double value, double step) {
  if (step >= 1e4 || std::fabs(value) >= 1e6) return quantity_label(value, step);
  if (step < 1e-5 && std::fabs(value) < 1000 * step) return power_label(value);
  return fixed_label(value, step);
}

// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
double nice_step(double least) {
  const double power = std::pow(10, floor_log10(least));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

struct Candidate {
  std::vector<double> at;
  double step = 0;  // 0: each tick's own size (logarithmic)
};

Candidate linear_ticks(const Scale& scale, double step) {
  Candidate out{.at = {}, .step = step};
  const double slack = (scale.high - scale.low) * 1e-9;
  const double first = std::ceil((scale.low - slack) / step);
  // Counted, because first + 1 is first where the range is far from zero.
  for (int i = 0; i < 100 && (first + i) * step <= scale.high + slack; ++i) {
    out.at.push_back((first + i) * step);
  }
  return out;
}

// `factors` times every `stride`-th power of ten.
Candidate log_ticks(const Scale& scale, const std::vector<double>& factors, int stride) {
  Candidate out;
  const int first = floor_log10(scale.low) - 1;
  const int last = floor_log10(scale.high) + 1;
  for (int decade = first; decade <= last; ++decade) {
    if (((decade % stride) + stride) % stride != 0) continue;
    for (const double factor : factors) {
      const double at = factor * std::pow(10, decade);
      if (at >= scale.low * (1 - 1e-9) && at <= scale.high * (1 + 1e-9)) out.at.push_back(at);
    }
  }
  return out;
}

std::vector<Tick> labelled(const Candidate& candidate, TickStyle style) {
  std::vector<Tick> ticks;
  for (const double at : candidate.at) {
    const double own = at == 0 ? 1 : std::pow(10, floor_log10(std::fabs(at)));
    ticks.push_back({at, tick_label(at, candidate.step > 0 ? candidate.step : own, style)});
  }
  return ticks;
}

// Whether two labels leave a gap between them.
bool apart(const Scale& scale, const Tick& a, const Tick& b, const TickRoom& room) {
  const double pixels = (scale.position(b.at) - scale.position(a.at)) * room.pixels;
  if (room.upright) return pixels >= 1.6 * room.font_size;
  const double halves =
      (text_width(a.label, room.font_size) + text_width(b.label, room.font_size)) / 2;
  return pixels >= halves + 0.8 * room.font_size;
}

bool has_room(const Scale& scale, const std::vector<Tick>& ticks, const TickRoom& room) {
  if (ticks.size() > kMostTicks) return false;
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    if (!apart(scale, ticks[i - 1], ticks[i], room)) return false;
  }
  return true;
}

// Where no choice has room: the labels that have it keep theirs.
void drop_touching_labels(Scale& scale, const TickRoom& room) {
  const Tick* last = nullptr;
  for (Tick& tick : scale.ticks) {
    if (last != nullptr && !apart(scale, *last, tick, room)) {
      tick.label.clear();
    } else {
      last = &tick;
    }
  }
}

std::vector<Tick> choose_linear(const Scale& scale, TickStyle style, const TickRoom& room) {
  double step = nice_step((scale.high - scale.low) / kMostTicks);
  // Two ticks at least, even where they are close: without them nothing can be read.
  for (int tries = 0; tries < 12; ++tries) {
    std::vector<Tick> ticks = labelled(linear_ticks(scale, step), style);
    const std::vector<Tick> fewer = labelled(linear_ticks(scale, nice_step(step * 1.5)), style);
    if (has_room(scale, ticks, room) || fewer.size() < 2) return ticks;
    step = nice_step(step * 1.5);
  }
  return {};
}

std::vector<Tick> choose_log(const Scale& scale, TickStyle style, const TickRoom& room) {
  const double decades = (std::log10(scale.high) - std::log10(scale.low));
  std::vector<Candidate> candidates;
  if (decades < 1.2) {
    for (double step = nice_step((scale.high - scale.low) / kMostTicks);
         linear_ticks(scale, step).at.size() >= 3; step = nice_step(step * 1.5)) {
      candidates.push_back(linear_ticks(scale, step));
    }
  }
  // Powers alone are calmer, where there are enough of them.
  if (decades < (style == TickStyle::kPower ? 2 : 3.2)) {
    candidates.push_back(log_ticks(scale, {1, 2, 5}, 1));
    candidates.push_back(log_ticks(scale, {1, 3}, 1));
  }
  for (const int stride : {1, 2, 3, 4, 5, 6, 8, 10, 20, 50, 100}) {
    candidates.push_back(log_ticks(scale, {1}, stride));
  }
  std::vector<Tick> fallback;
  for (const Candidate& candidate : candidates) {
    std::vector<Tick> ticks = labelled(candidate, style);
    if (ticks.size() >= 2 && has_room(scale, ticks, room)) return ticks;
    if (fallback.empty() || (ticks.size() >= 2 && ticks.size() < fallback.size())) fallback = ticks;
  }
  return fallback.size() >= 2 ? fallback : choose_linear(scale, style, room);
}

// Small ticks between powers of ten: their multiples, or the powers that have no label.
void add_minor(Scale& scale) {
  const double decades = (std::log10(scale.high) - std::log10(scale.low));
  const Candidate minor = decades > 12  ? Candidate{}
                          : decades > 4 ? log_ticks(scale, {1}, 1)
                                        : log_ticks(scale, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 1);
  for (const double at : minor.at) {
    const bool taken = std::any_of(scale.ticks.begin(), scale.ticks.end(), [&](const Tick& tick) {
      return std::fabs(tick.at / at - 1) < 1e-6;
    });
    if (!taken) scale.ticks.push_back({at, ""});
  }
  std::sort(scale.ticks.begin(), scale.ticks.end(),
            [](const Tick& a, const Tick& b) { return a.at < b.at; });
}

void add_names(Scale& scale, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto at = static_cast<double>(i + 1);
    if (scale.holds(at)) scale.ticks.push_back({at, one_line(names[i])});
  }
}

// Narrower than ticks could tell apart, or than gnuplot draws.
bool too_narrow(const Scale& scale) {
  const double size = std::max(std::fabs(scale.low), std::fabs(scale.high));
  return std::fabs(scale.high - scale.low) <= size * 1e-9;
}

// Where all values are one: room about it.
void widen(Scale& scale) {
  if (scale.log) {
    scale.low = std::max(scale.low / 2, 1e-300);
    scale.high = std::min(scale.high * 2, 1e300);
  } else {
    const double room = scale.low == 0 ? 1 : std::fabs(scale.low) * 0.1;
    scale.low -= room;
    scale.high += room;
  }
}

void pad(Scale& scale, bool keep_zero) {
  const Scale bare = scale;
  if (!(keep_zero && bare.low == 0)) scale.low = bare.value_at(-kPadding);
  if (!(keep_zero && bare.high == 0)) scale.high = bare.value_at(1 + kPadding);
}

bool usable(const std::optional<double>& limit, bool log) {
  return limit && std::isfinite(*limit) && (!log || *limit > 0);
}

}  // namespace

bool Scale::holds(double value) const {
  if (!std::isfinite(value) || (log && value <= 0)) return false;
  const double at = position(value);
  return at >= -1e-9 && at <= 1 + 1e-9;
}

double Scale::position(double value) const {
  if (log) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

double Scale::value_at(double position) const {
  // Of logarithms: a ratio may overflow.
  if (log) return std::exp(std::log(low) + position * (std::log(high) - std::log(low)));
  return low + position * (high - low);
}

void Extent::add(double value) {
  // Beyond 1e300 padding would overflow.
  if (!std::isfinite(value) || std::fabs(value) > 1e290 || (log_ && value < 1e-290)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

Scale scale_of(const Axis& axis, const Extent& data, bool from_zero) {
  Scale scale{.low = 0, .high = 1, .log = axis.scale == AxisScale::kLog && axis.names.empty()};
  if (!axis.names.empty()) {
    scale.low = 0.5;
    scale.high = static_cast<double>(axis.names.size()) + 0.5;
  } else {
    scale.low = data.empty() ? (scale.log ? 1 : 0) : data.low();
    scale.high = data.empty() ? (scale.log ? 10 : 1) : data.high();
    const bool zero = from_zero && !scale.log;
    if (zero) {
      scale.low = std::min(scale.low, 0.0);
      scale.high = std::max(scale.high, 0.0);
    }
    if (too_narrow(scale)) widen(scale);
    if (!data.empty()) pad(scale, zero);
  }
  const Scale by_data = scale;
  if (usable(axis.low, scale.log)) scale.low = *axis.low;
  if (usable(axis.high, scale.log)) scale.high = *axis.high;
  if (scale.low < scale.high && !too_narrow(scale)) return scale;
  // A limit beyond all data leaves nothing between them: what was asked for stays in sight.
  const bool low_only = usable(axis.low, scale.log) && !usable(axis.high, scale.log);
  const bool high_only = usable(axis.high, scale.log) && !usable(axis.low, scale.log);
  if (low_only) scale.high = scale.low;
  if (high_only) scale.low = scale.high;
  if (!too_narrow(scale)) return by_data;
  widen(scale);
  return scale;
}

void add_ticks(Scale& scale, const Axis& axis, const TickRoom& room) {
  scale.ticks.clear();
  if (!axis.names.empty()) return add_names(scale, axis.names);
  scale.ticks =
      scale.log ? choose_log(scale, axis.ticks, room) : choose_linear(scale, axis.ticks, room);
  drop_touching_labels(scale, room);
  if (scale.log) add_minor(scale);
}

std::string tick_label(double value, double step, TickStyle style) {
  switch (style) {
    case TickStyle::kQuantity:
      return quantity_label(value, step);
    case TickStyle::kPower:
      return power_label(value);
    case TickStyle::kPercent:
      return fixed_label(value * 100, step * 100) + " %";
    case TickStyle::kPlain:
      break;
  }
  return plain_label(value, step);
}

}  // namespace isoflop
