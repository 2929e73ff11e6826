#include "figure/mark_style.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "figure/palette.h"

namespace isoflop {

int point_shape(const Series& series) {
  constexpr int kShapes[kCategories] = {7, 5, 9, 13, 11, 15, 8};
  if (series.shade) return 7;
  if (series.colour == kInk) return 6;
  if (series.colour == kFaint) return 2;
  return kShapes[static_cast<std::size_t>(std::abs(series.colour)) % kCategories];
}

std::string dash_of(const Series& series, bool several) {
  static const std::vector<std::string> patterns{
      "",
      " dt (18,4)",
      " dt (12,4,2.5,4)",
      " dt (2.5,4)",
      " dt (18,4,2.5,4,2.5,4)",
      " dt (24,5,8,5)",
      " dt (7,7)",
  };
  if (series.dashed) return " dt (8,6)";
  if (series.shade || series.colour < 0 || !several) return "";
  return patterns[static_cast<std::size_t>(series.colour) % patterns.size()];
}

std::string colour_of(const Series& series) {
  if (series.shade) {
    const double shade = std::isfinite(*series.shade) ? std::clamp(*series.shade, 0.0, 1.0) : 0.5;
    return fmt::format("s{}", static_cast<int>(std::lround(shade * (kShades - 1))));
  }
  if (series.colour == kInk) return "ink";
  if (series.colour < 0) return "faint";
  return fmt::format("c{}", series.colour % kCategories);
}

bool draws_line(Mark mark) {
  return mark == Mark::kLine || mark == Mark::kVertical || mark == Mark::kHorizontal;
}

}  // namespace isoflop
