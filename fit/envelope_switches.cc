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
    return line.params == params && std::isfinite(line.log_loss[at]);
  });
}

}  // namespace

EnvelopeWinners winners_of(const std::vector<EnvelopeLine>& lines, std::size_t grid) {
  EnvelopeWinners out;
  out.line_at.assign(grid, 0);
  out.size_at.assign(grid, -1);
  std::vector<bool> won(lines.size());
  for (std::size_t i = 0; i < grid; ++i) {
    double best = INFINITY;
    for (std::size_t k = 0; k < lines.size(); ++k) {
      if (lines[k].log_loss[i] < best) best = lines[k].log_loss[i], out.line_at[i] = k;
    }
    if (!std::isfinite(best)) continue;
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
