#include "report/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace isoflop {
namespace {

constexpr std::array kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array kMarks{".", ":", "-", "=", "+", "#", "%", "@"};

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// Mean of the finite values of each piece; NaN where there is none.
std::vector<double> piece_means(std::span<const double> values, std::size_t pieces) {
  std::vector<double> means;
  for (std::size_t i = 0; i < pieces; ++i) {
    double sum = 0;
    int count = 0;
    for (std::size_t j = i * values.size() / pieces; j < (i + 1) * values.size() / pieces; ++j) {
      if (!std::isfinite(values[j])) continue;
      sum += values[j];
      ++count;
    }
    means.push_back(count > 0 ? sum / count : kNothing);
  }
  return means;
}

std::size_t level_of(double value, double low, double high) {
  if (!(high > low)) return kBlocks.size() / 2 - 1;
  const double share = (value - low) / (high - low);
  const auto level = static_cast<std::size_t>(share * static_cast<double>(kBlocks.size()));
  return std::min(level, kBlocks.size() - 1);
}

}  // namespace

std::string sparkline(std::span<const double> values, std::size_t width, bool utf8) {
  const auto means = piece_means(values, std::min(width, values.size()));
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double mean : means) {
    if (std::isnan(mean)) continue;
    low = std::min(low, mean);
    high = std::max(high, mean);
  }
  std::string line;
  for (const double mean : means) {
    if (std::isnan(mean)) {
      line += ' ';
    } else {
      line += (utf8 ? kBlocks : kMarks)[level_of(mean, low, high)];
    }
  }
  return line;
}

}  // namespace isoflop
