// Figures that the tests of drawing share, and what they look for in an SVG.
#ifndef ISOFLOP_TESTS_FIGURE_DRAW_SUPPORT_H_
#define ISOFLOP_TESTS_FIGURE_DRAW_SUPPORT_H_

#include <cctype>
#include <cmath>
#include <string>
#include <vector>

#include "figure/figure.h"

namespace isoflop {

inline int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// Whether an & begins one of XML's own entities.
inline bool known_entity(const std::string& text, std::size_t at) {
  for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"}) {
    if (text.compare(at, std::string(entity).size(), entity) == 0) return true;
  }
  return false;
}

// Why this is no well-formed XML, as far as we write it; empty: it is.
inline std::string xml_fault(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '&' && !known_entity(text, at)) return "bare & at " + std::to_string(at);
    if (static_cast<unsigned char>(text[at]) < 32 && text[at] != '\n') return "a control character";
    if (text[at] != '<') continue;
    std::size_t end = at + 1;
    for (char quote = 0; end < text.size() && (quote != 0 || text[end] != '>'); ++end) {
      if (text[end] == '<') return "< within a tag at " + std::to_string(end);
      if (quote == 0 && (text[end] == '"' || text[end] == '\'')) {
        quote = text[end];
      } else if (text[end] == quote) {
        quote = 0;
      }
    }
    const std::string tag = text.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return "</" + tag + "> closes another";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

// Losses over parameters at several budgets, with fitted curves and minima: a figure as they are.
inline Figure profiles() {
  Panel panel{
      .x = {.title = "parameters N", .scale = AxisScale::kLog, .ticks = TickStyle::kQuantity},
      .y = {.title = "held-out loss", .unit = "nats per token"}};
  for (int budget = 0; budget < 9; ++budget) {
    const double shade = budget / 8.0;
    const std::string name = "budget " + std::to_string(budget);
    Series curve{.name = name, .shade = shade};
    Series points{.name = name, .mark = Mark::kPoints, .shade = shade};
    for (int i = -40; i <= 40; ++i) {
      const double n = 1e7 * std::exp2(budget * 0.5 + i * 0.05);
      const double loss = 4 - 0.2 * budget + 0.0005 * i * i;
      curve.x.push_back(n);
      curve.y.push_back(loss);
      if (i % 8 != 0) continue;
      points.x.push_back(n);
      points.y.push_back(loss + 0.01 * ((i / 8) % 3));
      points.hover.push_back(name + ", run " + std::to_string(i));
    }
    panel.series.push_back(curve);
    panel.series.push_back(points);
  }
  return {.name = "isoflop",
          .title = "IsoFLOP profiles",
          .alt = "Loss over parameters: nine valleys.",
          .panels = {panel}};
}

// One of every mark.
inline Figure every_mark() {
  const std::vector<double> x{1, 2, 3};
  const std::vector<double> y{2, 4, 3};
  const std::vector<double> low{1.5, 3, 2};
  const std::vector<double> high{2.5, 5, 4};
  Panel panel{.title = "Everything", .x = {.title = "x"}, .y = {.title = "y"}};
  panel.series = {
      {.name = "band", .mark = Mark::kBand, .colour = 0, .x = x, .low = low, .high = high},
      {.name = "line", .colour = 0, .x = x, .y = y, .hover = {"l1", "l2", "l3"}},
      {.name = "points",
       .mark = Mark::kPoints,
       .colour = 1,
       .x = x,
       .y = y,
       .hover = {"p1", "p2", "p3"}},
      {.name = "errors",
       .mark = Mark::kErrors,
       .x = x,
       .y = y,
       .low = low,
       .high = high,
       .hover = {"e1", "e2", "e3"}},
      {.name = "across",
       .mark = Mark::kErrorsX,
       .colour = 3,
       .x = y,
       .y = x,
       .low = low,
       .high = high},
      {.name = "bars",
       .mark = Mark::kBars,
       .colour = 4,
       .x = x,
       .y = y,
       .hover = {"b1", "b2", "b3"}},
      {.mark = Mark::kText, .x = x, .y = y, .labels = {"one", "two", "three"}},
      {.name = "here", .mark = Mark::kVertical, .dashed = true, .x = {2}},
      {.name = "there", .mark = Mark::kHorizontal, .colour = kFaint, .y = {2.5}}};
  return {.name = "marks", .title = "Marks", .alt = "All marks.", .panels = {panel, panel}};
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FIGURE_DRAW_SUPPORT_H_
