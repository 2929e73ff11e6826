#include "figure/label_places.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kPointRadius = 5;
constexpr double kLabelHeight = 13;
constexpr std::size_t kMostObstacles = 4000;
constexpr double kLineStep = 8;  // lines are seen as dots so far apart, in CSS pixels
constexpr int kSweeps = 4;

struct Spot {
  double x = 0;
  double y = 0;
};

// Which way a label goes from its point, in steps of its own half width and line.
// Which way a label goes from its point.
struct Way {
  double across = 0;  // -1: ends left of the point; 0: about it; 1: begins right of it
  double down = 0;    // lines
};

// The usual places first.
const std::vector<Way>& ways() {
  static const std::vector<Way> all{
      {1, 0},       {0, -1.1},   {-1, 0},     {0, 1.1},     {0.9, -0.9},  {0.9, 0.9},
      {-0.9, -0.9}, {-0.9, 0.9}, {0.5, -1.1}, {-0.5, -1.1}, {0.5, 1.1},   {-0.5, 1.1},
      {0, -2},      {0, 2},      {0.9, -1.9}, {0.9, 1.9},   {-0.9, -1.9}, {-0.9, 1.9}};
  return all;
}

bool marks_points(Mark mark) {
  return mark == Mark::kPoints || mark == Mark::kErrors || mark == Mark::kErrorsX;
}

Spot spot_of(const PanelLayout& panel, double x, double y) {
  return {panel.plot.left + panel.x.position(x) * panel.plot.width(),
          panel.plot.bottom - panel.y.position(y) * panel.plot.height()};
}

// What labels had better not cover: points, and lines as dots along them.
struct Obstacles {
  std::vector<Spot> points;
  std::vector<Spot> lines;
};

void add_line_dots(const PanelLayout& panel, const Series& series, std::vector<Spot>& dots) {
  for (std::size_t i = 1; i < std::min(series.x.size(), series.y.size()); ++i) {
    const Spot a = spot_of(panel, series.x[i - 1], series.y[i - 1]);
    const Spot b = spot_of(panel, series.x[i], series.y[i]);
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    if (!(length < 5000)) continue;
    for (double t = 0; t < length && dots.size() < kMostObstacles; t += kLineStep) {
      dots.push_back({a.x + (b.x - a.x) * t / length, a.y + (b.y - a.y) * t / length});
    }
  }
}

void add_rule_dots(const PanelLayout& panel, const Series& series, std::vector<Spot>& dots) {
  for (const double x : series.x) {
    if (!panel.x.holds(x)) continue;
    for (double y = panel.plot.top; y < panel.plot.bottom; y += kLineStep) {
      dots.push_back({spot_of(panel, x, panel.y.low).x, y});
    }
  }
}

Obstacles obstacles_of(const PanelLayout& panel) {
  Obstacles out;
  for (const Series& series : panel.panel->series) {
    if (series.mark == Mark::kLine) add_line_dots(panel, series, out.lines);
    if (series.mark == Mark::kVertical) add_rule_dots(panel, series, out.lines);
    if (!marks_points(series.mark)) continue;
    for (std::size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
      if (out.points.size() < kMostObstacles && panel.x.holds(series.x[i]) &&
          panel.y.holds(series.y[i])) {
        out.points.push_back(spot_of(panel, series.x[i], series.y[i]));
      }
    }
  }
  return out;
}

Box label_box(const Spot& spot, const Way& way, double width) {
  const double gap = std::fabs(way.across) > 0.6 ? kPointRadius + 3 : 0;
  const double left = spot.x - width / 2 + way.across * width / 2 + (way.across > 0 ? gap : -gap);
  const double middle = spot.y + way.down * kLabelHeight;
  return {left, middle - kLabelHeight / 2, left + width, middle + kLabelHeight / 2};
}

double overlap(const Box& a, const Box& b) {
  const double across = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double down = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  return across > 0 && down > 0 ? across * down : 0;
}

Box about(const Spot& spot, double radius) {
  return {spot.x - radius, spot.y - radius, spot.x + radius, spot.y + radius};
}

struct Label {
  std::string text;
  Spot spot;
  bool faint = false;
  Box box;
};

// How bad a place is: square pixels covered, of the panel's outside most.
double cost_of(const Box& box, const Box& plot, const std::vector<Label>& labels, const Label& own,
               const Obstacles& obstacles) {
  double cost = 20 * (box.width() * box.height() - overlap(box, plot));
  for (const Label& other : labels) {
    if (&other != &own) cost += 8 * overlap(box, other.box);
  }
  for (const Spot& point : obstacles.points)
    cost += 2 * overlap(box, about(point, kPointRadius + 2));
  for (const Spot& dot : obstacles.lines) cost += 0.5 * overlap(box, about(dot, 2));
  return cost;
}

void improve(Label& label, bool above_first, const Box& plot, const std::vector<Label>& labels,
             const Obstacles& obstacles) {
  const double width = text_width(label.text, kTickSize);
  double least = -1;
  double rank = 0;
  for (const Way& way : ways()) {
    const Box box = label_box(label.spot, way, width);
    const bool first = above_first && way.across == 0 && way.down == -1.1;
    // Far from its point a label is taken for another's.
    const double far = 40 * std::max(0.0, std::fabs(way.down) - 1.2);
    const double cost = cost_of(box, plot, labels, label, obstacles) + far + (first ? 0 : rank + 1);
    rank += 3;
    if (least >= 0 && cost >= least) continue;
    label.box = box;
    least = cost;
  }
}

std::vector<Label> labels_of(const PanelLayout& panel) {
  std::vector<Label> labels;
  for (const Series& series : panel.panel->series) {
    if (series.mark != Mark::kText) continue;
    const std::size_t rows = std::min({series.x.size(), series.y.size(), series.labels.size()});
    for (std::size_t i = 0; i < rows; ++i) {
      const std::string text = shortened(one_line(series.labels[i]), kTickSize, panel.plot.width());
      if (text.empty() || !panel.x.holds(series.x[i]) || !panel.y.holds(series.y[i])) continue;
      labels.push_back({.text = text,
                        .spot = spot_of(panel, series.x[i], series.y[i]),
                        .faint = series.colour == kFaint});
    }
  }
  return labels;
}

}  // namespace

std::vector<Text> place_labels(const PanelLayout& panel) {
  std::vector<Label> labels = labels_of(panel);
  if (labels.empty()) return {};
  const Obstacles obstacles = obstacles_of(panel);
  const bool bars = std::any_of(panel.panel->series.begin(), panel.panel->series.end(),
                                [](const Series& series) { return series.mark == Mark::kBars; });
  // One after the other, then again in the knowledge of the others.
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (Label& label : labels) improve(label, bars, panel.plot, labels, obstacles);
  }
  std::vector<Text> texts;
  for (const Label& label : labels) {
    texts.push_back({.text = label.text,
                     .x = label.box.left,
                     .y = (label.box.top + label.box.bottom) / 2,
                     .align = Align::kLeft,
                     .faint = label.faint,
                     .halo = true});
  }
  return texts;
}

}  // namespace isoflop
