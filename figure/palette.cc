#include "figure/palette.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace isoflop {
namespace {

// One channel of sRGB, made linear (IEC 61966-2-1).
double linear_channel(const std::string& colour, std::size_t at) {
  const double c = std::stoi(colour.substr(at, 2), nullptr, 16) / 255.0;
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

double relative_luminance(const std::string& colour) {
  return 0.2126 * linear_channel(colour, 1) + 0.7152 * linear_channel(colour, 3) +
         0.0722 * linear_channel(colour, 5);
}

std::string declarations(std::string PaletteColour::*side) {
  std::string out;
  for (const PaletteColour& colour : palette()) {
    out += "--" + colour.name + ":" + colour.*side + ";";
  }
  return out;
}

}  // namespace

const std::vector<PaletteColour>& palette() {
  static const std::vector<PaletteColour> colours{
      {"paper", "#ffffff", "#14161a"}, {"ink", "#1b1b1b", "#e8e8e8"},
      {"faint", "#6b6b6b", "#9aa0a6"}, {"grid", "#e4e4e4", "#30343b"},
      {"c0", "#0072b2", "#4ba3dc"},  // blue
      {"c1", "#d55e00", "#ee7a2c"},  // vermillion
      {"c2", "#00916a", "#1fb68b"},  // bluish green
      {"c3", "#c25f95", "#dd92bd"},  // reddish purple
      {"c4", "#a87400", "#e69f00"},  // orange
      {"c5", "#2e90c2", "#8fd0f5"},  // sky blue
      {"c6", "#7d7500", "#f0e442"},  // yellow
      {"s0", "#d67008", "#7c64d8"},    {"s1", "#cf5b39", "#ab67ca"},
      {"s2", "#c74456", "#d16bba"},    {"s3", "#b3366c", "#ea779f"},
      {"s4", "#9a2e80", "#fb887e"},    {"s5", "#7f278c", "#ff9b68"},
      {"s6", "#63218f", "#ffb15c"},    {"s7", "#461d8b", "#ffc656"},
      {"s8", "#341b73", "#ffda63"},    {"s9", "#21185b", "#faef70"},
  };
  return colours;
}

const PaletteColour& palette_colour(const std::string& name) {
  const auto& all = palette();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.name == name; });
  if (found == all.end()) {
    throw usage_error("colour: " + name + ": is not in the palette; name ink, faint, c0 to c6");
  }
  return *found;
}

std::string palette_css() {
  return ":root{color-scheme:light dark;" + declarations(&PaletteColour::light) +
         "}\n@media (prefers-color-scheme:dark){:root{" + declarations(&PaletteColour::dark) +
         "}}\n@media print{:root{" + declarations(&PaletteColour::light) + "}}\n";
}

double contrast_ratio(const std::string& a, const std::string& b) {
  const double first = relative_luminance(a) + 0.05;
  const double second = relative_luminance(b) + 0.05;
  return std::max(first, second) / std::min(first, second);
}

double lightness(const std::string& colour) {
  const double y = relative_luminance(colour);
  return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389 / 27;
}

}  // namespace isoflop
