#include "figure/bars.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

constexpr double kFilled = 0.8;  // share of the room between neighbours that bars take

// Bars are as wide as they look: on a logarithmic axis widths are ratios.
bool ratios(const Panel& panel) {
  return panel.x.scale == AxisScale::kLog && panel.x.names.empty();
}

bool has_place(const Panel& panel, const Series& series, std::size_t row) {
  return std::isfinite(series.x[row]) && std::isfinite(series.y[row]) &&
         (!ratios(panel) || series.x[row] > 0);
}

double even(const Panel& panel, double x) { return ratios(panel) ? std::log(x) : x; }
double back(const Panel& panel, double u) { return ratios(panel) ? std::exp(u) : u; }

// The smallest distance of two bars, where axes are even.
double spacing(const Panel& panel) {
  std::vector<double> places;
  for (const Series& series : panel.series) {
    if (series.mark != Mark::kBars) continue;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (has_place(panel, series, i)) places.push_back(even(panel, series.x[i]));
    }
  }
  std::sort(places.begin(), places.end());
  double least = 0;
  for (std::size_t i = 1; i < places.size(); ++i) {
    const double apart = places[i] - places[i - 1];
    if (apart > 1e-9 * std::fabs(places[i]) && (least == 0 || apart < least)) least = apart;
  }
  if (least > 0) return panel.x.names.empty() ? least : std::min(least, 1.0);
  return !panel.x.names.empty() || ratios(panel) || places.empty() || places[0] == 0
             ? 1
             : 0.2 * std::fabs(places[0]);
}

bool is_stacked(const Series& series) { return series.low.size() == series.x.size(); }

bool share_a_place(const Series& a, const Series& b) {
  return !is_stacked(a) && !is_stacked(b) && std::any_of(a.x.begin(), a.x.end(), [&](double x) {
    return std::find(b.x.begin(), b.x.end(), x) != b.x.end();
  });
}

}  // namespace

std::vector<Bar> bars_of(const Panel& panel) {
  std::vector<const Series*> all;
  for (const Series& series : panel.series) {
    if (series.mark == Mark::kBars) all.push_back(&series);
  }
  bool beside = false;
  for (std::size_t i = 1; i < all.size(); ++i) beside = beside || share_a_place(*all[0], *all[i]);
  const double room = kFilled * spacing(panel);
  const double width = beside ? room / static_cast<double>(all.size()) : room;
  std::vector<Bar> bars;
  for (std::size_t s = 0; s < all.size(); ++s) {
    const double left = -room / 2 + (beside ? width * static_cast<double>(s) : 0);
    for (std::size_t i = 0; i < std::min(all[s]->x.size(), all[s]->y.size()); ++i) {
      if (!has_place(panel, *all[s], i)) continue;
      const double at = even(panel, all[s]->x[i]) + left;
      const double base = is_stacked(*all[s]) ? all[s]->low[i] : 0;
      bars.push_back({all[s], i, back(panel, at), back(panel, at + width), base, all[s]->y[i]});
    }
  }
  return bars;
}

std::vector<double> bar_edges(const Panel& panel) {
  std::vector<double> edges;
  const double gap = (1 - kFilled) / 2 * spacing(panel);
  for (const Bar& bar : bars_of(panel)) {
    edges.push_back(back(panel, even(panel, bar.left) - gap));
    edges.push_back(back(panel, even(panel, bar.right) + gap));
  }
  return edges;
}

}  // namespace isoflop
