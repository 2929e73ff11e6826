#include "figure/label_places.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kPointRadius = 5;
constexpr double kLabelHeight = 13;
constexpr std::size_t kMostObstacles = 3000;

struct Spot {
  double x = 0;
  double y = 0;
};

// Which way a label goes from its point, in steps of its own half width and line.
struct Way {
  double across = 0;  // -1: ends left of the point; 0: about it; 1: begins right of it
  double down = 0;    // lines
};

constexpr std::array<Way, 14> kWays{{{1, 0},
                                     {0, -1},
                                     {-1, 0},
                                     {0, 1},
                                     {1, -0.8},
                                     {1, 0.8},
                                     {-1, -0.8},
                                     {-1, 0.8},
                                     {0, -2},
                                     {0, 2},
                                     {1, -1.8},
                                     {1, 1.8},
                                     {-1, -1.8},
                                     {-1, 1.8}}};

bool marks_points(Mark mark) {
  return mark == Mark::kPoints || mark == Mark::kErrors || mark == Mark::kErrorsX;
}

Spot spot_of(const PanelLayout& panel, double x, double y) {
  return {panel.plot.left + panel.x.position(x) * panel.plot.width(),
          panel.plot.bottom - panel.y.position(y) * panel.plot.height()};
}

std::vector<Spot> points_of(const PanelLayout& panel) {
  std::vector<Spot> spots;
  for (const Series& series : panel.panel->series) {
    if (!marks_points(series.mark)) continue;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (spots.size() == kMostObstacles) return spots;
      if (panel.x.holds(series.x[i]) && panel.y.holds(series.y[i])) {
        spots.push_back(spot_of(panel, series.x[i], series.y[i]));
      }
    }
  }
  return spots;
}

Box label_box(const Spot& spot, const Way& way, double width) {
  const double gap = way.down == 0 || way.across != 0 ? kPointRadius + 3 : 0;
  const double left = spot.x - width / 2 + way.across * (width / 2 + gap);
  const double middle = spot.y + way.down * kLabelHeight;
  return {left, middle - kLabelHeight / 2, left + width, middle + kLabelHeight / 2};
}

double overlap(const Box& a, const Box& b) {
  const double across = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double down = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return across > 0 && down > 0 ? across * down : 0;
}

// How bad a place is, in square pixels covered; out of the panel is worst.
double cost_of(const Box& box, const Box& plot, const std::vector<Box>& taken,
               const std::vector<Spot>& points) {
  const double inside = overlap(box, plot);
  double cost = 20 * (box.width() * box.height() - inside);
  for (const Box& other : taken) cost += 5 * overlap(box, other);
  for (const Spot& point : points) {
    cost += overlap(box, {point.x - kPointRadius, point.y - kPointRadius, point.x + kPointRadius,
                          point.y + kPointRadius});
  }
  return cost;
}

Text best_place(const std::string& label, const Spot& spot, bool above_first, const Box& plot,
                std::vector<Box>& taken, const std::vector<Spot>& points) {
  const double width = text_width(label, kTickSize);
  Box best;
  double least = -1;
  double rank = 0;
  for (const Way& way : kWays) {
    const Box box = label_box(spot, way, width);
    const bool first = above_first && way.across == 0 && way.down == -1;
    const double cost = cost_of(box, plot, taken, points) + (first ? -1 : rank);
    rank += 2;
    if (least < 0 || cost < least - 1e-9) {
      best = box;
      least = std::max(cost, 0.0);
    }
  }
  taken.push_back(best);
  return {.text = label, .x = best.left, .y = (best.top + best.bottom) / 2, .align = Align::kLeft};
}

}  // namespace

std::vector<Text> place_labels(const PanelLayout& panel) {
  const std::vector<Spot> points = points_of(panel);
  const bool bars = std::any_of(panel.panel->series.begin(), panel.panel->series.end(),
                                [](const Series& series) { return series.mark == Mark::kBars; });
  std::vector<Box> taken;
  std::vector<Text> texts;
  for (const Series& series : panel.panel->series) {
    if (series.mark != Mark::kText) continue;
    const std::size_t rows = std::min({series.x.size(), series.y.size(), series.labels.size()});
    for (std::size_t i = 0; i < rows; ++i) {
      const std::string label = one_line(series.labels[i]);
      if (label.empty() || !panel.x.holds(series.x[i]) || !panel.y.holds(series.y[i])) continue;
      const Spot spot = spot_of(panel, series.x[i], series.y[i]);
      Text text = best_place(shortened(label, kTickSize, panel.plot.width()), spot, bars,
                             panel.plot, taken, points);
      text.faint = series.colour == kFaint;
      texts.push_back(text);
    }
  }
  return texts;
}

}  // namespace isoflop
