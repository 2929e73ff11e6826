#include "design/adaptive_start.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "design/law_belief.h"
#include "fit/check_observations.h"

namespace isoflop {
namespace {

constexpr int kStartPoints = 8;
constexpr int kStartSizes = 4;
constexpr double kStartSpan = 4;
constexpr double kDearer = 2;         // than the last cell that is needed
constexpr double kStartNoise = 3e-3;  // of ln L: only its order of magnitude matters

struct StartRange {
  std::size_t points = 0;
  std::size_t sizes = 0;
  double span = 1;  // of C
};

StartRange range_of_points(std::span<const CellPoint> points, const FlopsPerToken& flops) {
  StartRange range;
  std::set<long long> sizes;
  double low = 0;
  double high = 0;
  for (const CellPoint& point : points) {
    const double c = flops(point.params) * point.tokens;
    low = range.points == 0 ? c : std::min(low, c);
    high = std::max(high, c);
    sizes.insert(std::llround(std::log(point.params) * 1e8));
    ++range.points;
  }
  range.sizes = sizes.size();
  range.span = low > 0 ? high / low : 1;
  return range;
}

// Rows for check_observations, whose losses fall with C so that only the design is judged.
bool design_passes(std::span<const CellPoint> points, const FlopsPerToken& flops) {
  std::vector<Observation> rows;
  for (const CellPoint& point : points) {
    const double c = flops(point.params) * point.tokens;
    rows.push_back({.params = point.params,
                    .tokens = point.tokens,
                    .flops = c,
                    .loss = 1 + 1 / (1 + std::log1p(c))});
  }
  return can_be_fitted(rows);
}

// A cell that can be started, with its point's place in the list.
struct StartChoice {
  std::size_t cell = 0;
  std::size_t point = 0;
  double price = 0;
};

// One cell a point, the cheapest of its seeds, by price.
std::vector<StartChoice> choices_by_price(std::span<const CandidateCell> cells,
                                          std::span<const CellPoint> points) {
  const std::vector<double> prices = marginal_costs(cells);
  std::vector<StartChoice> choices;
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (!points[p].runs.empty() || points[p].cells.empty()) continue;
    const std::size_t best =
        *std::min_element(points[p].cells.begin(), points[p].cells.end(),
                          [&](std::size_t a, std::size_t b) { return prices[a] < prices[b]; });
    choices.push_back({best, p, prices[best]});
  }
  std::stable_sort(choices.begin(), choices.end(),
                   [](const auto& a, const auto& b) { return a.price < b.price; });
  return choices;
}

std::vector<CellPoint> points_with_runs(std::span<const CellPoint> points) {
  std::vector<CellPoint> out;
  for (const CellPoint& point : points) {
    if (!point.runs.empty()) out.push_back(point);
  }
  return out;
}

// The cheap end: what is needed from below, and all that is not much dearer.
std::vector<StartChoice> cheap_end(std::vector<StartChoice> choices,
                                   std::span<const CellPoint> points, const FlopsPerToken& flops) {
  std::vector<CellPoint> have = points_with_runs(points);
  double dearest = 0;
  for (const StartChoice& choice : choices) {
    if (determines_a_law(have, points, flops)) break;
    have.push_back(points[choice.point]);
    dearest = choice.price;
  }
  std::erase_if(choices, [&](const auto& c) { return c.price > kDearer * dearest; });
  return choices;
}

}  // namespace

LawParameters scale_free_law(std::span<const CellPoint> points) {
  double x = 0;
  double y = 0;
  for (const CellPoint& point : points) {
    x += std::log(point.params) / static_cast<double>(points.size());
    y += std::log(point.tokens) / static_cast<double>(points.size());
  }
  constexpr double kExponent = 0.35;
  return {.E = 1,
          .A = 0.5 * std::exp(kExponent * x),
          .B = 0.5 * std::exp(kExponent * y),
          .alpha = kExponent,
          .beta = kExponent};
}

bool determines_a_law(std::span<const CellPoint> points, std::span<const CellPoint> all,
                      const FlopsPerToken& flops) {
  const StartRange has = range_of_points(points, flops);
  const StartRange can = range_of_points(all, flops);
  const auto enough = [](auto value, auto wanted, auto most) {
    return value >= std::min(wanted, most);
  };
  return enough(has.points, std::size_t{kStartPoints}, can.points) &&
         enough(has.sizes, std::size_t{kStartSizes}, can.sizes) &&
         has.span * (1 + 1e-9) >= std::min(kStartSpan, can.span) && design_passes(points, flops);
}

std::vector<std::size_t> starting_cells(std::span<const CandidateCell> cells,
                                        std::span<const CellPoint> points,
                                        const FlopsPerToken& flops) {
  std::vector<StartChoice> open = cheap_end(choices_by_price(cells, points), points, flops);
  std::vector<CellPoint> have = points_with_runs(points);
  LawBelief belief(scale_free_law(points), flops,
                   flops(points.front().params) * points.front().tokens, kStartNoise);
  TrunkLedger ledger(cells);
  const auto learn = [&](const CellPoint& point) {
    belief.learn({.gradient = belief.gradient(point.params, point.tokens),
                  .variance = kStartNoise * kStartNoise});
  };
  for (const CellPoint& point : have) learn(point);
  std::vector<std::size_t> chosen;
  while (!open.empty() && !determines_a_law(have, points, flops)) {
    const auto worth = [&](const StartChoice& c) {
      const CellPoint& point = points[c.point];
      return belief.volume_gain(belief.gradient(point.params, point.tokens)) /
             ledger.price(cells[c.cell]);
    };
    const auto best = std::max_element(open.begin(), open.end(), [&](const auto& a, const auto& b) {
      return worth(a) < worth(b);
    });
    const CellPoint& point = points[best->point];
    learn(point);
    ledger.choose(cells[best->cell]);
    have.push_back(point);
    chosen.push_back(best->cell);
    open.erase(best);
  }
  return chosen;
}

}  // namespace isoflop
