#include "fit/envelope_switches.h"

#include <algorithm>
#include <cmath>

#include "fit/valley_draws.h"

namespace isoflop {
namespace {

// The grid index from which on the sizes beyond `below` win, with the fewest exceptions; in the
// middle of equals.
std::size_t best_division(const std::vector<int>& size_at, int below) {
  int errors = 0;  // of dividing at 0: everything counts as beyond
  for (const int size : size_at) errors += size >= 0 && size <= below ? 1 : 0;
  int fewest = errors;
  std::size_t first = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < size_at.size(); ++i) {
    if (size_at[i] >= 0) errors += size_at[i] <= below ? -1 : 1;
    if (errors < fewest) fewest = errors, first = i + 1;
    if (errors == fewest) last = i + 1;
  }
  return (first + std::max(first, last)) / 2;
}

bool has_line_at(const std::vector<EnvelopeLine>& lines, double params, std::size_t at) {
  return std::any_of(lines.begin(), lines.end(), [&](const EnvelopeLine& line) {
    return line.params == params && std::isfinite(line.at(at));
  });
}

// Which line is the lowest at a point, the first of equals.
class LowestLine {
 public:
  LowestLine(const EnvelopeCurves& curves, const std::vector<EnvelopeLine>& lines)
      : curves_(curves), lines_(lines), place_(curves.size(), kNone) {
    for (std::size_t k = 0; k < lines.size(); ++k) {
      if (lines[k].run == EnvelopeLine::kNoRun) {
        others_.push_back(k);
      } else {
        place_[lines[k].run] = k;
      }
    }
  }

  // Absent where no line goes.
  std::optional<std::size_t> at(std::size_t point) const {
    std::size_t best = whole_at(point);
    for (const std::size_t k : others_) {
      if (std::isfinite(lines_[k].at(point)) &&
          (best == kNone || lines_[k].at(point) < lines_[best].at(point)))
        best = k;
    }
    return best == kNone ? std::nullopt : std::optional(best);
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t whole_at(std::size_t point) const {
    const auto& lowest = curves_.lowest(point);
    for (const std::size_t run : lowest) {
      if (place_[run] != kNone) return place_[run];
    }
    return lowest.size() < EnvelopeCurves::kRanked ? kNone : lowest_of_all(point);
  }

  // None of the lowest is among the lines.
  std::size_t lowest_of_all(std::size_t point) const {
    std::size_t best = kNone;
    double loss = INFINITY;
    for (std::size_t k = 0; k < lines_.size(); ++k) {
      if (lines_[k].run != EnvelopeLine::kNoRun && lines_[k].at(point) < loss) {
        best = k, loss = lines_[k].at(point);
      }
    }
    return best;
  }

  const EnvelopeCurves& curves_;
  const std::vector<EnvelopeLine>& lines_;
  std::vector<std::size_t> place_;  // of a run's curve among the lines
  std::vector<std::size_t> others_;
};

}  // namespace

EnvelopeWinners winners_of(const EnvelopeCurves& curves, const std::vector<EnvelopeLine>& lines) {
  const std::size_t grid = curves.grid().size();
  const LowestLine lowest(curves, lines);
  EnvelopeWinners out;
  out.line_at.assign(grid, 0);
  out.size_at.assign(grid, -1);
  std::vector<bool> won(lines.size());
  for (std::size_t i = 0; i < grid; ++i) {
    const auto best = lowest.at(i);
    if (!best) continue;
    out.line_at[i] = *best;
    out.size_at[i] = 0;
    won[out.line_at[i]] = true;
  }
  std::map<double, std::pair<double, int>> cost;
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (won[k]) cost[lines[k].params].first += lines[k].log_cost, ++cost[lines[k].params].second;
  }
  for (const auto& [params, sum] : cost) {
    out.sizes.push_back(params);
    out.log_cost.push_back(sum.first / sum.second);
  }
  for (std::size_t i = 0; i < grid; ++i) {
    if (out.size_at[i] < 0) continue;
    const auto found =
        std::lower_bound(out.sizes.begin(), out.sizes.end(), lines[out.line_at[i]].params);
    out.size_at[i] = static_cast<int>(found - out.sizes.begin());
  }
  return out;
}

std::vector<EnvelopeSwitch> switches_of(const std::vector<double>& grid,
                                        const std::vector<EnvelopeLine>& lines,
                                        const EnvelopeWinners& winners) {
  std::vector<EnvelopeSwitch> out;
  for (std::size_t k = 0; k + 1 < winners.sizes.size(); ++k) {
    const std::size_t at = best_division(winners.size_at, static_cast<int>(k));
    if (at == 0 || at >= grid.size()) continue;
    const bool both = has_line_at(lines, winners.sizes[k], at) &&
                      has_line_at(lines, winners.sizes[k + 1], at - 1);
    if (!both) continue;
    EnvelopeSwitch s{.below = k, .log_flops = 0.5 * (grid[at - 1] + grid[at])};
    s.log_params = 0.5 * (std::log(winners.sizes[k]) + std::log(winners.sizes[k + 1]));
    s.log_tokens = s.log_flops - 0.5 * (winners.log_cost[k] + winners.log_cost[k + 1]);
    out.push_back(s);
  }
  return out;
}

std::optional<EnvelopeLaw> law_of_switches(const std::vector<EnvelopeSwitch>& switches) {
  if (switches.size() < 2) return std::nullopt;
  std::vector<double> x, n, d;
  for (const EnvelopeSwitch& s : switches) {
    x.push_back(s.log_flops), n.push_back(s.log_params), d.push_back(s.log_tokens);
  }
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  if (!(*high > *low)) return std::nullopt;
  const std::vector<double> weight(x.size(), 1.0);
  return EnvelopeLaw{.params = weighted_line(x, n, weight), .tokens = weighted_line(x, d, weight)};
}

}  // namespace isoflop
